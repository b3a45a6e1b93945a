"""What a unit of work may do inside one write transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from broker.model.record import Record
from broker.ports.signing import LogSigner
from broker.store import tables
from broker.store.columns import NAMES
from broker.store.sealing import Sealed, Sealer
from broker.store.statements import Prepared
from broker.store.tree import Batch, Head, grow, read_head

_APPEND = Prepared(insert(tables.record))


class Transaction:
    """One write transaction: its statements go through `connection`, its records through `append`."""

    def __init__(self, connection: Connection, sealer: Sealer, signer: LogSigner) -> None:
        self.connection = connection
        self._sealer = sealer
        self._signer = signer
        self._head: Head | None = None
        self._appended: list[Sealed] = []

    @property
    def records(self) -> int:
        """How many records it appends, without those that were undone."""
        return len(self._appended)

    def append(self, records: Sequence[Record]) -> range:
        """Append records in order and give their positions: the only insert into the log there is.

        Raises TypeError or ValueError for a field that a record cannot hold, a defect.
        """
        first = self._found().frontier.size + len(self._appended)
        for seq, record in enumerate(records, first):
            self._append(seq, self._sealer.seal(record))
        return range(first, first + len(records))

    def undo_to(self, records: int) -> None:
        """Forget the records after so many of them: the store has undone their part."""
        del self._appended[records:]

    def seal(self) -> Batch | None:
        """Let the tree grow by what was appended and sign its head: the last step before the commit.

        None where nothing was. Raises LogUnavailable.
        """
        if not self._appended:
            return None
        return grow(self.connection, self._found(), self._appended, self._signer)

    def _found(self) -> Head:
        if self._head is None:
            self._head = read_head(self.connection)
        return self._head

    def _append(self, seq: int, sealed: Sealed) -> None:
        values = dict(zip(NAMES, sealed.columns, strict=True), seq=seq, hash=sealed.hash, leaf=sealed.leaf)
        _APPEND.run(self.connection, values)
        self._appended.append(sealed)
