"""The log as the way of a request writes it."""

from collections.abc import Callable
from datetime import timedelta

from broker.audit.refusals import RefusalBudget
from broker.audit.sayings import (
    intent_record,
    late_record,
    not_attempted_record,
    outcome_record,
    refusal_record,
    rehearsal_record,
)
from broker.audit.sources import of_app
from broker.errors import Reason, Refused
from broker.model.issuance import (
    Attempt,
    Caller,
    DryRun,
    Intent,
    NotAttempted,
    Outcome,
    Proof,
    TicketRequest,
)
from broker.model.receipt import Receipt
from broker.store.attempts import Beginning, Ending, StoredAttempts, Subject
from broker.store.claims import Claim
from broker.store.database import Database
from broker.store.firsts import Use
from broker.store.log import StoredLog
from broker.store.place import Reserve


class AuditLedger:
    """The Ledger port on the store. Durable when a method returns; all raise LogUnavailable.

    `attempt_seconds` says at each intent how many seconds may pass until vCenter is asked and
    has answered: what is older belongs to the orphan rule.
    """

    def __init__(
        self, database: Database, refusals: RefusalBudget, attempt_seconds: Callable[[], float]
    ) -> None:
        self._attempts = StoredAttempts(database)
        self._log = StoredLog(database)
        self._clock = database.clock
        self._refusals = refusals
        self._attempt_seconds = attempt_seconds

    def refuse(
        self,
        request: TicketRequest,
        caller: Caller,
        refusal: Refused,
        policy_revision: str,
        proof: Proof | None = None,
    ) -> None:
        """Record a refusal before any intent, with the proof that a dry run was refused for.

        Raises Limited(TOO_MANY_REFUSALS) instead of recording when the app's budget is spent.
        """
        self._refusals.charge(of_app(caller.app), refusal.reason)
        subject = Subject(request.issuance, caller.app, request.host, request.vcenter, request.grant)
        record = refusal_record(request, caller, refusal, policy_revision, proof)
        self._attempts.refuse(subject, refusal.reason, record)

    def rehearse(self, dry_run: DryRun, caller: Caller, proof: Proof, policy_revision: str) -> None:
        """Record that a dry run would have been answered with a ticket."""
        record = rehearsal_record(dry_run, caller, proof, policy_revision)
        self._log.append([record], Reserve.UNTOUCHED)

    def leave(self, rest: NotAttempted, caller: Caller) -> None:
        """Record the hosts of a batch that were never begun.

        Raises Limited(TOO_MANY_REFUSALS) instead when the app's budget of refusals is spent.
        """
        self._refusals.charge(of_app(caller.app), "not_attempted")
        self._log.append([not_attempted_record(rest, caller)], Reserve.UNTOUCHED)

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        """Record the intent and claim the request's idempotency key, in one transaction.

        After a ticket the key makes the next attempt of that issuance, whose id the answer then
        has, and for no other host and grant than its first; after a refusal or a failure the first
        attempt of `intent.issuance`.
        Raises Refused(IDEMPOTENCY_RUNNING | IDEMPOTENCY_MISMATCH | IDEMPOTENCY_EXHAUSTED).
        """
        key = request.idempotency_key
        deadline = self._clock.now() + timedelta(seconds=self._attempt_seconds())
        beginning = Beginning(
            subject=Subject(intent.issuance, intent.app, intent.host_name, intent.host.vcenter, intent.grant),
            use=use_of(intent),
            claim=None if key is None else Claim(intent.app, key, request.digest, _target(intent)),
            deadline=deadline,
        )
        return self._attempts.begin(beginning, lambda attempt: intent_record(attempt, intent, key, deadline))

    def conclude(self, attempt: Attempt, intent: Intent, outcome: Outcome) -> Receipt:
        """Record the one terminal outcome; neither the disk reserve nor a budget stops it.

        Raises Refused(LATE_RESULT), having recorded that, when the attempt was closed already:
        its ticket must be discarded.
        """
        ending = Ending(attempt, outcome.kind, outcome.reason, outcome.exposure_until)
        receipt = self._attempts.finish(
            ending, outcome_record(attempt, intent, outcome), late_record(attempt, intent, outcome)
        )
        if receipt is None:
            raise Refused(Reason.LATE_RESULT, f"attempt {attempt.number} was closed as unknown before")
        return receipt


def use_of(intent: Intent) -> Use:
    """What the store notes the first intent of."""
    host = intent.host
    return Use(
        host=(host.vcenter, host.instance_uuid, host.moid, intent.host_name),
        template=(intent.app, intent.template, intent.template_revision),
    )


def _target(intent: Intent) -> str:
    """The very host and grant, whatever name the host was asked for by.

    Hosts are told apart by our id of the vCenter too: a vCenter can claim another's instance uuid.
    """
    host = intent.host
    return f"{host.vcenter} {host.instance_uuid} {host.moid} {intent.grant}"
