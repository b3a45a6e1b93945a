"""Putting a record into its envelope: from here on it is bytes, and the columns derived from them."""

from dataclasses import dataclass

from broker.ids import new_id
from broker.model.record import Record
from broker.ports.clock import Clock
from broker.store.canonical import canonical
from broker.store.columns import values_of
from broker.store.times import iso, ms
from broker.tlog.merkle import leaf_hash

VERSION = 2


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record as it is kept: its bytes, their hash in the tree, and what it is found by."""

    leaf: bytes
    hash: bytes
    columns: tuple[object, ...]
    """In the order of `columns.NAMES`."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes envelopes for one process: `boot` is its run, `node` its machine."""

    clock: Clock
    boot: str
    node: str

    def seal(self, record: Record) -> Sealed:
        """Envelope `v`, `id`, `event`, `code`, `ts`, `boot`, `node` around `fields`.

        The position in the log is not among them: it is what the tree says.
        """
        envelope = {
            "v": VERSION,
            "id": new_id(self.clock),
            "event": record.event.name.lower(),
            "code": record.event.value,
            "ts": iso(ms(self.clock.now())),
            "boot": self.boot,
            "node": self.node,
        }
        content, leaf = canonical(envelope, record.fields)
        return Sealed(leaf, leaf_hash(leaf), values_of(content))
