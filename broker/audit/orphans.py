"""Attempts that a process left without an outcome: closed as unknown, never forgotten."""

from datetime import timedelta

from broker.audit.sayings import orphan_record
from broker.errors import Reason
from broker.model.issuance import TICKET_LIFE_S, OutcomeKind
from broker.model.record import Record
from broker.store.attempts import Ending, Overdue, StoredAttempts
from broker.store.database import Database


class OrphanRule:
    """Closes attempts whose deadline and grace are over, by the store's clock.

    A ticket may exist of each, made by the deadline at the latest, so its exposure ends a ticket's
    life after that. Frees the idempotency key. Safe in several processes at once: the
    attempt's unique terminal row decides.
    """

    def __init__(self, database: Database, grace_s: float) -> None:
        self._attempts = StoredAttempts(database)
        self._grace = timedelta(seconds=grace_s)

    def run(self) -> int:
        """Close what is overdue; how many this call closed. Raises LogUnavailable."""
        return self._attempts.close_overdue(self._grace, _unknown)


def _unknown(overdue: Overdue) -> tuple[Ending, Record]:
    reason, exposure = Reason.RECOVERED_ORPHAN, overdue.attempt.deadline + timedelta(seconds=TICKET_LIFE_S)
    ending = Ending(overdue.attempt, OutcomeKind.UNKNOWN, reason, exposure)
    return ending, orphan_record(overdue.intent, reason, exposure)
