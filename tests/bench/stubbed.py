"""The way of a request with a log on disk and a vCenter that is a stub: it takes its time, and no CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter, sleep

from broker.audit.fingerprint import TicketFingerprints
from broker.audit.keys import LogKeys
from broker.audit.ledger import AuditLedger
from broker.audit.refusals import RefusalBudget
from broker.clock import SystemClock
from broker.ids import new_issuance_id
from broker.issue import issue
from broker.model.issuance import Attempt, Intent, Outcome, TicketRequest
from broker.model.names import IssuanceId
from broker.model.policy import Rate
from broker.model.receipt import Receipt
from broker.model.secret import Secret
from broker.ports.clock import Clock
from broker.ports.issuing import Rooms
from broker.store.applied import StoredGrants
from broker.store.credentials import StoredCredentials
from broker.store.database import Database
from broker.store.entitlements import StoredEntitlements
from tests.bench.labs import TICKET_CALL_S
from tests.support.issuing import APPLIED, CALLER, GRANT, POLICY, REQUEST, World
from tests.support.log_keys import LOG_KEYS

_ATTEMPT_S = 60.0
_ANY_DAY = timedelta(days=1)


class TimedLedger(AuditLedger):
    """A ledger that takes down how long it made each issuance wait, intent and outcome together."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RefusalBudget(database, Rate(1, 1)), lambda: _ATTEMPT_S)
        self._intended: dict[IssuanceId, float] = {}
        self.microseconds: list[int] = []

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        """See AuditLedger."""
        start = perf_counter()
        attempt = super().intend(intent, request)
        self._intended[attempt.issuance] = perf_counter() - start
        return attempt

    def conclude(self, attempt: Attempt, intent: Intent, outcome: Outcome) -> Receipt:
        """See AuditLedger."""
        start = perf_counter()
        receipt = super().conclude(attempt, intent, outcome)
        seconds = perf_counter() - start + self._intended.pop(attempt.issuance)
        self.microseconds.append(round(seconds * 1e6))
        return receipt


@dataclass(frozen=True, slots=True)
class StubbedWay:
    """What `issue()` is handed here, and the ledger among it."""

    rooms: Rooms
    ledger: TimedLedger

    def issue(self, _: object = None) -> None:
        """One ticket."""
        issue(replace(REQUEST, issuance=new_issuance_id(self.rooms.clock)), CALLER, self.rooms)


@contextmanager
def stubbed_way(root: Path) -> Iterator[StubbedWay]:
    """With a store in `root`, a new directory, and a key of the log's in a file."""
    root.mkdir(mode=0o700)
    LOG_KEYS.write(root / "keys")
    database = Database.open(root / "store.db", SystemClock(), LogKeys(root / "keys"))
    try:
        StoredCredentials(database).add(CALLER.app, None, "bench")
        StoredGrants(database).put(APPLIED)
        ledger = TimedLedger(database)
        yield StubbedWay(_rooms(database, ledger), ledger)
    finally:
        database.close()


def _rooms(database: Database, ledger: TimedLedger) -> Rooms:
    """What the store says and keeps is real, what vCenter says is not."""
    clock: Clock = database.clock
    grant = replace(GRANT, valid_until=clock.now() + _ANY_DAY)
    vcenter = World(
        policy=replace(POLICY, grants={grant.id: grant}), during_call=lambda: sleep(TICKET_CALL_S)
    )
    return replace(
        vcenter.rooms(),
        clock=clock,
        entitlements=StoredEntitlements(database),
        ledger=ledger,
        fingerprints=TicketFingerprints(Secret("5f" * 32)),
    )
