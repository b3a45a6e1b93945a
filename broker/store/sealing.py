"""Putting a record into its envelope: from here on it is bytes, and the columns derived from them."""

from dataclasses import dataclass

from broker.ids import new_id
from broker.model.record import Record
from broker.ports.clock import Clock
from broker.store.canonical import canonical
from broker.store.times import iso, ms
from broker.texts import cleaned

VERSION = 1
_MAX_DERIVED = 128


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record as it is kept. All but `leaf` is derived from it, to find it by."""

    leaf: bytes
    id: str
    code: str
    at: int
    app: str | None
    issuance: str | None


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes envelopes for one process: `boot` is its run, `node` its machine."""

    clock: Clock
    boot: str
    node: str

    def seal(self, record: Record) -> Sealed:
        """Envelope `v`, `id`, `event`, `code`, `ts`, `boot`, `node` around `fields`.

        The position in the log is not among them, so that serializing needs no lock.
        """
        at, identity = ms(self.clock.now()), new_id(self.clock)
        envelope = {
            "v": VERSION,
            "id": identity,
            "event": record.event.name.lower(),
            "code": record.event.value,
            "ts": iso(at),
            "boot": self.boot,
            "node": self.node,
        }
        leaf = canonical(envelope, record.fields)
        return Sealed(
            leaf=leaf,
            id=identity,
            code=record.event.value,
            at=at,
            app=_derived(record, "app"),
            issuance=_derived(record, "issuance"),
        )


def _derived(record: Record, field: str) -> str | None:
    value = record.fields.get(field)
    return cleaned(value, _MAX_DERIVED) if isinstance(value, str) else None
