"""What a unit of work may do inside one write transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from broker.model.record import Record
from broker.store import tables
from broker.store.sealing import Sealer
from broker.store.statements import Prepared

_INSERT = Prepared(insert(tables.record))
_NEXT = Prepared(select(func.coalesce(func.max(tables.record.c.seq) + 1, 0)))


class Transaction:
    """One write transaction: its statements go through `connection`, its records through `append`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self.connection = connection
        self._sealer = sealer
        self.tail: tuple[int, bytes] | None = None
        """The last record appended: its position and its bytes."""
        self._first = 0

    @property
    def records(self) -> int:
        """How many records it appends, without those that were undone."""
        return 0 if self.tail is None else self.tail[0] - self._first + 1

    def append(self, records: Sequence[Record]) -> range:
        """Append records in order and give their positions: the only insert into the log there is.

        Raises TypeError or ValueError for a field that a record cannot hold, a defect.
        """
        if not records:
            return range(0)
        first = self.tail[0] + 1 if self.tail else _NEXT.run(self.connection, {}).fetchone()[0]
        if self.tail is None:
            self._first = first
        for seq, record in enumerate(records, first):
            sealed = self._sealer.seal(record)
            values = {
                "seq": seq,
                "leaf": sealed.leaf,
                "id": sealed.id,
                "code": sealed.code,
                "at": sealed.at,
                "app": sealed.app,
                "issuance": sealed.issuance,
            }
            _INSERT.run(self.connection, values)
            self.tail = (seq, sealed.leaf)
        return range(first, first + len(records))
