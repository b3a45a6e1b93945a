"""The log itself: appending what has no other state, and reading bytes back."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from broker.model.names import IssuanceId
from broker.model.record import Record
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
_AT = select(record.c.at).where(record.c.seq == bindparam("position"))
_OF_ISSUANCE = (
    select(record.c.seq, record.c.leaf).where(record.c.issuance == bindparam("wanted")).order_by(record.c.seq)
)


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

    def position_at(self, when: datetime) -> int:
        """The first position from that time on; the times of records grow with their positions."""

        def at(position: int) -> int:
            found = self._database.read(lambda c: c.execute(_AT, {"position": position}).scalar())
            return int(found or 0)

        return bisect_left(range(self.size()), ms(when), key=at)

    def of_issuance(self, issuance: IssuanceId) -> tuple[Leaf, ...]:
        """Every record that carries this id, in order."""
        rows = self._database.read(lambda c: c.execute(_OF_ISSUANCE, {"wanted": issuance}).all())
        return tuple(Leaf(r.seq, r.leaf) for r in rows)
