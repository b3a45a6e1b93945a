"""Proofs out of the stored tree: they show nothing but hashes."""

from broker.errors import LogUnavailable
from broker.model.receipt import Receipt
from broker.ports.auditing import LogKey
from broker.store.database import Database
from broker.store.published import PublishedTree
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.merkle import consistency_path, inclusion_path, leaf_hash
from broker.tlog.note import NoteRefused, VerifierKey, verifier_key
from broker.tlog.proof import Proof


class StoredProofs:
    """The LogProofs port on the store."""

    def __init__(self, database: Database) -> None:
        self._tree = PublishedTree(database)

    def checkpoint(self) -> str:
        """The newest signed head."""
        return self._tree.checkpoint()

    def keys(self) -> tuple[LogKey, ...]:
        """All keys that the log ever had, the oldest first."""
        return tuple(
            LogKey(key.key_id, key.origin, key.key, key.from_size, key.until_size)
            for key in self._tree.public_keys()
        )

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """The path from a record up to the root of the tree of that size. Raises IndexError without one."""
        self._check_size(size)
        return inclusion_path(index, size, self._tree.node_reader())

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """What shows that the tree of `new` records begins with that of `old`. Raises IndexError likewise."""
        self._check_size(new)
        return consistency_path(old, new, self._tree.node_reader())

    def receipt_of(self, index: int, leaf: bytes) -> Receipt:
        """The receipt of a record with these bytes, held against the newest head and the keys that sign it.

        Raises LogUnavailable where they do not go together, and IndexError beyond the newest head.
        """
        checkpoint = self._signed_head()
        path = inclusion_path(index, checkpoint.head.size, self._tree.node_reader())
        receipt = Receipt(index, leaf_hash(leaf), str(checkpoint.note), path)
        try:
            Proof(index, path, checkpoint).verify(receipt.leaf_hash, self._signers(checkpoint.head.size))
        except NoteRefused as refused:
            raise _unproved(f"record {index}", refused) from None
        return receipt

    def _signers(self, size: int) -> list[VerifierKey]:
        return [verifier_key(key.key) for key in self._tree.public_keys() if key.signs(size)]

    def _signed_head(self) -> Checkpoint:
        try:
            return parsed_checkpoint(self._tree.checkpoint())
        except NoteRefused as refused:
            raise _unproved("the log's signed head", refused) from None

    def _check_size(self, size: int) -> None:
        known = self._signed_head().head.size
        if size > known:
            raise IndexError(f"the log has {known} records")


def _unproved(what: str, refused: NoteRefused) -> LogUnavailable:
    return LogUnavailable(f"{what}: {refused}; run: broker audit verify")
