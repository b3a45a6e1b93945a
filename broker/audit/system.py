"""Records of the broker's own doings."""

from collections.abc import Sequence

from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve

_HAVE_RULES = frozenset(
    {
        Event.TICKET_INTENT,
        Event.TICKET_ISSUED,
        Event.TICKET_REFUSED,
        Event.TICKET_FAILED,
        Event.TICKET_UNKNOWN,
        Event.TICKET_LATE_RESULT,
    }
)
"""Only the ledger and the orphan rule write these, so that an attempt has one intent and one end."""


class AuditSystemLog:
    """The SystemLog port on the store."""

    def __init__(self, database: Database) -> None:
        self._log = StoredLog(database)

    def append(self, records: Sequence[Record]) -> None:
        """Make all durable, in order, in one transaction.

        Raises LogUnavailable, and ValueError for an event of an attempt: those are the ledger's.
        """
        for record in records:
            if record.event in _HAVE_RULES:
                raise ValueError(f"{record.event.name} is written by the ledger alone")
        self._log.append(records, Reserve.NONE)
