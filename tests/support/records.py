"""A real store with the audit room on it, and the values that its tests hand over."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from broker.audit.access import AuditAccessLog
from broker.audit.ledger import AuditLedger
from broker.audit.orphans import OrphanRule
from broker.audit.reading import AuditReading
from broker.audit.refusals import RefusalBudget
from broker.ids import new_issuance_id
from broker.model.issuance import Attempt, Intent, Outcome, OutcomeKind, TicketRequest
from broker.model.names import AppId, IdempotencyKey
from broker.model.policy import Rate
from broker.model.stores import StoreLocation
from broker.ports.clock import Clock
from broker.store.database import Database
from broker.store.issuances import StoredIssuances
from tests.support.issuing import CALLER, GRANT, HOST, PROOF, REQUEST
from tests.support.log_keys import LOG_KEYS

DEADLINE_S = 60.0
GRACE_S = 30.0
RATE = Rate(5, 60)
KEY = IdempotencyKey("poll-esx01-0001")


@dataclass(frozen=True, slots=True)
class Book:
    """Every door of the audit room, on one store."""

    clock: Clock
    database: Database
    refusals: RefusalBudget
    ledger: AuditLedger
    access: AuditAccessLog
    orphans: OrphanRule
    reading: AuditReading
    issuances: StoredIssuances

    def request(self, key: IdempotencyKey | None = None, digest: str = "body") -> TicketRequest:
        """A fresh request, with an id of its own."""
        return replace(REQUEST, issuance=new_issuance_id(self.clock), idempotency_key=key, digest=digest)

    def begin(
        self, key: IdempotencyKey | None = None, digest: str = "body", app: AppId = CALLER.app
    ) -> tuple[Attempt, Intent]:
        """A fresh request whose intent is on record."""
        request = self.request(key, digest)
        intent = intent_of(request, app)
        return self.ledger.intend(intent, request), intent

    def issue(self, key: IdempotencyKey | None = None) -> Attempt:
        """One ticket's way through the log."""
        attempt, intent = self.begin(key)
        self.ledger.conclude(attempt, intent, issued(self.clock))
        return attempt

    def events(self) -> list[str]:
        """The codes of all records, in order."""
        return [record["code"] for record in self.reading.records()]

    def last(self) -> dict[str, Any]:
        """The newest record."""
        return next(self.reading.records(self.reading.size() - 1))


def open_book(place: StoreLocation, clock: Clock, rate: Rate = RATE, disk_reserve_mib: int = 0) -> Book:
    """The audit room on the store at `place`."""
    database = Database.open(place, clock, LOG_KEYS, disk_reserve_mib)
    refusals = RefusalBudget(database, rate)
    return Book(
        clock=clock,
        database=database,
        refusals=refusals,
        ledger=AuditLedger(database, refusals, lambda: DEADLINE_S),
        access=AuditAccessLog(database, refusals),
        orphans=OrphanRule(database, GRACE_S),
        reading=AuditReading(database),
        issuances=StoredIssuances(database),
    )


def intent_of(request: TicketRequest, app: AppId = CALLER.app) -> Intent:
    """What is known of a request before vCenter is asked."""
    return Intent(
        issuance=request.issuance,
        app=app,
        origin=CALLER.origin,
        grant=GRANT.id,
        template=GRANT.template,
        template_revision="template-1",
        account=GRANT.account,
        host=HOST.ref,
        host_name=HOST.name,
        policy_revision="revision-1",
    )


def issued(clock: Clock) -> Outcome:
    """The outcome of a ticket that vCenter gave now."""
    return Outcome(
        kind=OutcomeKind.ISSUED,
        proof=PROOF,
        exposure_from=clock.now(),
        exposure_until=clock.now() + timedelta(seconds=120),
        fingerprint="f" * 64,
        fingerprint_key_id="k" * 16,
    )
