"""What a unit of work may do inside one write transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from broker.model.record import Record
from broker.ports.signing import LogSigner
from broker.store import tables
from broker.store.columns import NAMES
from broker.store.sealing import Sealed, Sealer
from broker.store.seen import Seen
from broker.store.statements import Prepared
from broker.store.tree import Batch, Head, check_signed, grow, read_head

_APPEND = Prepared(insert(tables.record))


class Transaction:
    """One write transaction: its statements go through `connection`, its records through `append`."""

    def __init__(self, connection: Connection, sealer: Sealer, signer: LogSigner, seen: Seen) -> None:
        self.connection = connection
        self._sealer = sealer
        self._signer = signer
        self._seen = seen
        self._head: Head | None = None
        self._appended: list[Sealed] = []
        self._resigned = False

    @property
    def records(self) -> int:
        """How many records it appends, without those that were undone."""
        return len(self._appended)

    @property
    def size(self) -> int:
        """How many records the log has with those of this transaction."""
        return self._found().frontier.size + len(self._appended)

    def append(self, records: Sequence[Record]) -> range:
        """Append records in order and give their positions: the only insert into the log there is.

        Raises TypeError or ValueError for a field that a record cannot hold, a defect; LogUnavailable
        where the log is no longer the one that this process knows.
        """
        first = self.size
        for seq, record in enumerate(records, first):
            self._append(seq, self._sealer.seal(record))
        return range(first, first + len(records))

    def undo_to(self, records: int) -> None:
        """Forget the records after so many of them: the store has undone their part."""
        del self._appended[records:]

    def resigned(self) -> None:
        """The head's origin or signers changed in this transaction: its new head is signed by those."""
        self._resigned = True

    def seal(self) -> Batch | None:
        """Let the tree grow by what was appended and sign its head: the last step before the commit.

        None where nothing was. Raises LogUnavailable.
        """
        if not self._appended:
            return None
        found = read_head(self.connection) if self._resigned else self._found()
        return grow(self.connection, found, self._appended, self._signer)

    def _found(self) -> Head:
        if self._head is None:
            head = read_head(self.connection)
            self._seen.check(self.connection, head)
            if head.frontier != self._seen.frontier:  # grown by another process
                check_signed(head, self._signer)
            self._head = head
        return self._head

    def _append(self, seq: int, sealed: Sealed) -> None:
        values = dict(zip(NAMES, sealed.columns, strict=True), seq=seq, hash=sealed.hash, leaf=sealed.leaf)
        _APPEND.run(self.connection, values)
        self._appended.append(sealed)
