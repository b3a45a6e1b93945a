"""A log in memory, as a broker shows it: honest, or as somebody would make it who wants to deceive."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.client.receipts import receipt_document
from broker.model.receipt import Receipt
from broker.tlog.checkpoint import TreeHead, signed_checkpoint
from broker.tlog.encoding import to_base64
from broker.tlog.merkle import consistency_path, inclusion_path, leaf_hash, root_of
from broker.tlog.note import SignerKey
from tests.support.log_keys import ORIGIN
from tests.support.trees import reader_of


def log_key(number: int, origin: str = ORIGIN) -> SignerKey:
    """One of the keys that a log of that name may have."""
    return SignerKey(origin, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


@dataclass
class GivenLog:
    """Its records, and the keys that sign it now."""

    signers: Sequence[SignerKey] = (log_key(1),)
    records: list[bytes] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.signers[0].name

    def fork(self) -> "GivenLog":
        """Another log with the same past and the same keys."""
        return replace(self, records=list(self.records))

    def cut(self, size: int) -> None:
        del self.records[size:]

    def grow(self, *records: str) -> None:
        self.records += [record.encode() for record in records]

    def receipt(self, index: int | None = None) -> Receipt:
        """Of the record there, the last one by default."""
        at, size, node = len(self.records) - 1 if index is None else index, len(self.records), self._node()
        return Receipt(
            index=at,
            leaf_hash=leaf_hash(self.records[at]),
            checkpoint=self.checkpoint(),
            path=inclusion_path(at, size, node),
        )

    def checkpoint(self) -> str:
        size = len(self.records)
        return signed_checkpoint(TreeHead(self.origin, size, root_of(size, self._node())), self.signers)

    def issue(self, issuance: str = "one") -> dict[str, Any]:
        """Put a ticket on record; its receipt as the broker answers it."""
        self.grow(f"intent {issuance} {len(self.records)}", f"issued {issuance} {len(self.records)}")
        return receipt_document(self.receipt())

    def consistency(self, old: int, new: int) -> dict[str, Any]:
        """The answer to who asks for that proof."""
        path = consistency_path(old, new, self._node())
        return {"old": old, "new": new, "path": [to_base64(step) for step in path]}

    def _node(self) -> Any:
        return reader_of(self.records)
