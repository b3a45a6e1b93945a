"""What a unit of work may do inside one write transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, insert, select

from broker.model.record import Record
from broker.store import tables
from broker.store.sealing import Sealed, Sealer
from broker.store.statements import Prepared

_COLUMNS = ("leaf", "id", "code", "at", "app", "issuance")
_NEXT = select(func.coalesce(func.max(tables.record.c.seq) + 1, 0)).scalar_subquery()
_APPEND = Prepared(
    insert(tables.record)
    .values(seq=_NEXT, **{name: bindparam(name) for name in _COLUMNS})
    .returning(tables.record.c.seq)
)


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
        seqs = [self._append(self._sealer.seal(record)) for record in records]
        return range(seqs[0], seqs[-1] + 1) if seqs else range(0)

    def _append(self, sealed: Sealed) -> int:
        (seq,) = _APPEND.run(self.connection, {name: getattr(sealed, name) for name in _COLUMNS}).fetchone()
        if self.tail is None:
            self._first = seq
        self.tail = (seq, sealed.leaf)
        return int(seq)
