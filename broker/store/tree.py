"""The tree over the records: grown, and its head signed, in the transaction that appends them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, insert, select, update

from broker.errors import LogUnavailable
from broker.model.receipt import Receipt
from broker.ports.signing import LogSigner
from broker.store.sealing import Sealed
from broker.store.statements import Prepared
from broker.store.tables import head, log_key, record
from broker.store.tiles import grow_tiles
from broker.tlog.checkpoint import TreeHead, parsed_checkpoint
from broker.tlog.merkle import HASH_BYTES, Frontier, Grown, leaf_hash
from broker.tlog.note import NoteRefused

_HEAD = Prepared(
    select(head.c.size, head.c.frontier, head.c.origin, head.c.epoch, head.c.signers, head.c.checkpoint)
)
_MOVE = Prepared(
    update(head).values(
        size=bindparam("new_size"), frontier=bindparam("new_frontier"), checkpoint=bindparam("new_checkpoint")
    )
)
_LEAVES = Prepared(
    select(record.c.leaf, record.c.hash).where(record.c.seq >= bindparam("first")).order_by(record.c.seq)
)


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as it is found, its newest checkpoint, and who signs the next: ids of keys."""

    frontier: Frontier
    origin: str
    epoch: int
    signers: tuple[str, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction appended, and the signed head after it."""

    before: Frontier
    after: Frontier
    appended: tuple[Sealed, ...]
    checkpoint: str
    _grown: Grown = field(repr=False, compare=False)

    def receipt(self, seq: int) -> Receipt:
        """The receipt of one of its records. Raises IndexError for another."""
        path = self._grown.path(seq)
        return Receipt(seq, self.appended[seq - self.before.size].hash, self.checkpoint, path)


def begin_log(connection: Connection, signer: LogSigner) -> None:
    """Make the head of an empty log, whose origin is the name of its keys.

    Raises SecretUnavailable where there are none.
    """
    keys, empty = signer.verifiers(), Frontier()
    key_ids = [key.id for key in keys]
    origin = keys[0].name
    connection.execute(
        insert(head).values(
            id=1,
            size=0,
            frontier=b"",
            checkpoint=signer.sign(TreeHead(origin, 0, empty.root()), key_ids),
            origin=origin,
            epoch=1,
            signers=" ".join(key_ids),
        )
    )
    for key in keys:
        connection.execute(
            insert(log_key).values(key_id=key.id, origin=origin, vkey=str(key), from_size=0, until_size=None)
        )


def read_head(connection: Connection) -> Head:
    """The head now. Raises LogUnavailable where the store has none that makes sense."""
    row = _HEAD.run(connection, {}).fetchone()
    if row is None or len(row[1]) != row[0].bit_count() * HASH_BYTES:
        raise LogUnavailable("the head of the log is damaged")
    size, frontier, origin, epoch, signers, checkpoint = row
    return Head(Frontier(size, _hashes(frontier)), origin, epoch, tuple(signers.split()), checkpoint)


def check_signed(found: Head, signer: LogSigner) -> bool:
    """Whether a key that is held signed this very tree; False where none of its keys is held.

    Who can write the store but has no key could let the tree grow, and the next head would vouch for that.
    Raises LogUnavailable where the signed head is of another tree, or not signed by a key that is held.
    """
    if not (keys := signer.public(found.signers)):
        return False
    tree = TreeHead(found.origin, found.frontier.size, found.frontier.root())
    try:
        checkpoint = parsed_checkpoint(found.checkpoint)
        checkpoint.verify(keys)
    except NoteRefused as refused:
        raise _unsigned(str(refused)) from None
    if checkpoint.head != tree:
        raise _unsigned("it is that of another tree")
    return True


def grow(connection: Connection, found: Head, appended: Sequence[Sealed], signer: LogSigner) -> Batch:
    """Let the tree grow by records that this transaction has inserted, and sign its new head.

    What was stored is read back first: a log that hashed one thing and kept another can never be
    repaired. Raises LogUnavailable, and then nothing may be committed.
    """
    _check_kept(connection, found.frontier.size, appended)
    hashes = [sealed.hash for sealed in appended]
    after = found.frontier.extended(hashes)
    grow_tiles(connection, found.frontier.size, after.size)
    checkpoint = signer.sign(TreeHead(found.origin, after.size, after.root()), found.signers)
    _MOVE.run(
        connection,
        {"new_size": after.size, "new_frontier": b"".join(after.hashes), "new_checkpoint": checkpoint},
    )
    return Batch(found.frontier, after, tuple(appended), checkpoint, Grown(found.frontier, hashes))


def _unsigned(why: str) -> LogUnavailable:
    return LogUnavailable(f"the signed head of the log does not fit it: {why}; run: broker audit verify")


def _check_kept(connection: Connection, first: int, appended: Sequence[Sealed]) -> None:
    kept = _LEAVES.run(connection, {"first": first}).fetchall()
    if len(kept) != len(appended):
        raise LogUnavailable(f"the log does not hold what its head says from record {first} on")
    for position, (row, sealed) in enumerate(zip(kept, appended, strict=True), first):
        if not leaf_hash(row[0]) == row[1] == sealed.hash:
            raise LogUnavailable(f"the store gave back record {position} otherwise than it was given")


def _hashes(joined: bytes) -> tuple[bytes, ...]:
    return tuple(joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES))
