"""The log itself: appending what has no other state, and reading bytes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from broker.model.names import IssuanceId
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.tables import record
from broker.store.times import ms

_SIZE = select(func.coalesce(func.max(record.c.seq) + 1, 0))
_RANGE = (
    select(record.c.seq, record.c.leaf)
    .where(record.c.seq >= bindparam("first"))
    .order_by(record.c.seq)
    .limit(bindparam("count"))
)
_SINCE = select(func.min(record.c.seq)).where(record.c.at >= bindparam("when"))
_NEWEST = (
    select(record.c.leaf).where(record.c.code == bindparam("wanted")).order_by(record.c.seq.desc()).limit(1)
)
_OF_ISSUANCE = (
    select(record.c.seq, record.c.leaf).where(record.c.issuance == bindparam("wanted")).order_by(record.c.seq)
)
_WITH_ID = (
    select(record.c.seq, record.c.leaf)
    .where(record.c.at.between(bindparam("since"), bindparam("until")), record.c.id == bindparam("wanted"))
    .order_by(record.c.seq)
)
_SEAL_MS = 1000
"""How far the time in a record's id may be from the record's own: each is read from the clock."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One record: its position and its exact bytes."""

    seq: int
    content: bytes


class StoredLog:
    """Records, in the store. Every method raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, records: Sequence[Record], reserve: Reserve) -> None:
        """Make all durable, in order, in one transaction."""
        self._database.write(reserve, lambda transaction: transaction.append(records))

    def size(self) -> int:
        """How many records there are: the position of the next."""
        return int(self._database.read(lambda c: c.execute(_SIZE).scalar_one()))

    def leaves(self, first: int, count: int) -> tuple[Leaf, ...]:
        """At most `count` records from position `first` on."""
        rows = self._database.read(lambda c: c.execute(_RANGE, {"first": first, "count": count}).all())
        return tuple(Leaf(r.seq, r.leaf) for r in rows)

    def at(self, position: int) -> tuple[Leaf, ...]:
        """The record at a position; nothing where there is none."""
        return tuple(leaf for leaf in self.leaves(position, 1) if leaf.seq == position)

    def with_id(self, wanted: str) -> tuple[Leaf, ...]:
        """The record with this id, a UUIDv7, whose time it is looked for by; nothing where there is none."""
        at = int(wanted.replace("-", "")[:12], 16)
        values = {"since": at - _SEAL_MS, "until": at + _SEAL_MS, "wanted": wanted}
        rows = self._database.read(lambda c: c.execute(_WITH_ID, values).all())
        return tuple(Leaf(r.seq, r.leaf) for r in rows)

    def position_at(self, when: datetime) -> int:
        """The first record of that time or later; the log's size where there is none.

        Where a clock was set back, records of earlier times may follow it.
        """
        found = self._database.read(lambda c: c.execute(_SINCE, {"when": ms(when)}).scalar())
        return self.size() if found is None else int(found)

    def of_issuance(self, issuance: IssuanceId) -> tuple[Leaf, ...]:
        """Every record that carries this id, in order."""
        rows = self._database.read(lambda c: c.execute(_OF_ISSUANCE, {"wanted": issuance}).all())
        return tuple(Leaf(r.seq, r.leaf) for r in rows)

    def newest(self, event: Event) -> bytes | None:
        """The bytes of the last record of this event; None where there is none."""
        found = self._database.read(lambda c: c.execute(_NEWEST, {"wanted": event.value}).scalar())
        return None if found is None else bytes(found)
