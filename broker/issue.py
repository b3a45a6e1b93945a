"""The way of a request.

A ticket leaves `issue()` only if, in this order:
  1. the caller, authenticated before, is inside its limit;
  2. the name means exactly one host, in an inventory that is up to date;
  3. exactly one grant of the caller covers that host, is valid, enabled, applied as it is
     written, and still holds, somebody watching where it demands that;
  4. the host is ready for CIM;
  5. the grant's limit for that host is not spent;
  6. the intent is durable in the log;
  7. a proof, fresh enough, says that the low-privilege account holds its template's privileges
     on that host and nothing more there or on the root folder;
  8. right before the call is sent, caller and grant, looked up once more, are still those that
     were decided on, and the call can end inside the attempt's deadline, from which its exposure
     is counted if this process dies;
  9. vCenter gave one ticket for one call, caller and grant stand even now, and the certificates
     of ticket and host agree;
 10. the outcome is durable in the log.
What is refused in 1 to 5 is recorded, then answered. From 6 on every way out is the attempt's
one terminal outcome. The privileged credential is not known here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.certificates import agreed_endpoint
from broker.errors import LogUnavailable, MintUnknown, Reason, Refused
from broker.model.inventory import Readiness, Sighting
from broker.model.issuance import (
    TICKET_LIFE_S,
    Attempt,
    Caller,
    DryRun,
    Endpoint,
    Intent,
    IssuedTicket,
    Outcome,
    OutcomeKind,
    Proof,
    TicketRequest,
    VcenterTicket,
)
from broker.model.policy import Policy, Scope
from broker.model.receipt import Receipt
from broker.policy.decide import (
    Granted,
    covering_grant,
    judge_connection,
    judge_proof,
    judge_readiness,
    one_host,
    usable_grants,
)
from broker.policy.watched import judge_watch
from broker.ports.issuing import InForce, Rooms


def issue(request: TicketRequest, caller: Caller, rooms: Rooms) -> IssuedTicket:
    """Issue one ticket, on record, or raise Refused, on record."""
    policy = rooms.policy.current()
    with _refusals_on_record(request, caller, rooms, policy):
        granted, readiness = _decide(request, caller, rooms, policy)
    intent = _intent(request, caller, granted, policy)  # (6)
    with _refusals_on_record(request, caller, rooms, policy):
        attempt = rooms.ledger.intend(intent, request)
    return _mint(_Way(caller, intent, attempt, granted, readiness, policy), rooms)


def rehearse(request: TicketRequest, caller: Caller, rooms: Rooms) -> DryRun:
    """Decide as `issue()` would, the proof included, on record, and take no ticket."""
    policy = rooms.policy.current()
    with _refusals_on_record(request, caller, rooms, policy):
        granted, readiness = _decide(request, caller, rooms, policy)
        proof = rooms.prover.prove(granted.grant.account, granted.host)
    with _refusals_on_record(request, caller, rooms, policy, proof):
        _judge(proof, granted, policy)
    dry_run = DryRun(
        issuance=request.issuance,
        host=granted.host,
        grant=granted.grant.id,
        template=granted.template.id,
        template_revision=granted.template.revision,
        account=granted.grant.account,
        warnings=readiness.warnings,
    )
    rooms.ledger.rehearse(dry_run, caller, proof, policy.revision)
    return dry_run


def _decide(
    request: TicketRequest, caller: Caller, rooms: Rooms, policy: Policy
) -> tuple[Granted, Readiness]:
    rooms.limits.charge_caller(caller.app)  # (1)
    in_force = rooms.entitlements.now()
    grants = usable_grants(policy, caller.app, request, in_force.grant_disabled, rooms.clock.now())
    sightings = one_host(rooms.hosts.find(request.host, {g.account for g in grants}))  # (2)
    with _proofs_dropped_on_drift(sightings, rooms):
        granted = covering_grant(policy, grants, sightings, in_force.applied)  # (3)
    judge_watch(granted.grant, granted.applied, in_force, rooms.clock.now())
    account = policy.accounts[granted.grant.account]
    judge_connection(granted.host, policy.vcenters[account.vcenter])  # (4)
    facts = rooms.hosts.facts(account.id, granted.host)
    readiness = judge_readiness(granted.host, facts, granted.grant.readiness)
    rooms.limits.charge_grant(granted.grant, granted.host)  # (5)
    return granted, readiness


_DRIFT = frozenset({Reason.DRIFTED, Reason.NARROWED})


@contextmanager
def _proofs_dropped_on_drift(sightings: tuple[Sighting, ...], rooms: Rooms) -> Iterator[None]:
    """What was proved before a drift says nothing about what holds after it."""
    try:
        yield
    except Refused as refusal:
        if refusal.reason in _DRIFT:
            for sighting in sightings:
                rooms.prover.drop(sighting.account, sighting.host)
        raise


@dataclass(frozen=True, slots=True)
class _Way:
    caller: Caller
    intent: Intent
    attempt: Attempt
    granted: Granted
    readiness: Readiness
    policy: Policy


@dataclass(slots=True)
class _Story:
    """What becomes known between intent and outcome."""

    asked_at: datetime
    proof: Proof | None = None
    exposure_from: datetime | None = None
    exposure_until: datetime | None = None
    fingerprint: str | None = None
    fingerprint_key_id: str | None = None


def _mint(way: _Way, rooms: Rooms) -> IssuedTicket:
    account, host = way.granted.grant.account, way.granted.host
    with _outcome_on_record(way, rooms) as story:
        story.proof = rooms.prover.prove(account, host)  # (7)
        _judge(story.proof, way.granted, way.policy)
        ticket = _acquire(way, rooms, story)  # (8), (9)
        try:
            endpoint = agreed_endpoint(ticket, way.readiness.facts, host)
        except Refused:  # the host may have got another certificate since its facts were read
            rooms.hosts.forget_facts(account, host)
            endpoint = agreed_endpoint(ticket, rooms.hosts.facts(account, host), host)
        _still_stands(way, rooms)
    receipt = _conclude(way, rooms, story, OutcomeKind.ISSUED, None)  # (10)
    return _issued(way, ticket, endpoint, story.asked_at, receipt)


def _acquire(way: _Way, rooms: Rooms, story: _Story) -> VcenterTicket:
    account, host = way.granted.grant.account, way.granted.host

    def permit() -> None:
        _still_stands(way, rooms)
        _in_time(way, rooms)
        story.asked_at = rooms.clock.now()

    try:
        ticket = rooms.tickets.acquire(account, host, way.attempt.issuance, permit)
    except MintUnknown:
        _expose(story, rooms)
        raise
    except Refused as refusal:
        if refusal.reason is Reason.NOT_APPLIED:
            rooms.prover.drop(account, host)
        raise
    except Exception:
        _expose(story, rooms)
        raise
    _expose(story, rooms)
    story.fingerprint, story.fingerprint_key_id = rooms.fingerprints.of_ticket(ticket.session_id)
    return ticket


def _expose(story: _Story, rooms: Rooms) -> None:
    """To a ticket made by now; a clock that was set during the call makes its life no shorter."""
    now = rooms.clock.now()
    story.exposure_from = min(story.asked_at, now)
    story.exposure_until = max(story.asked_at, now) + timedelta(seconds=TICKET_LIFE_S)


def _judge(proof: Proof, granted: Granted, policy: Policy) -> None:
    judge_proof(granted, proof, policy.accounts[granted.grant.account].tolerated)


def _still_stands(way: _Way, rooms: Rooms) -> None:
    """Whatever was cut while the request ran cuts it too."""
    policy, in_force = rooms.policy.current(), rooms.entitlements.now()
    _caller_stands(way.caller, policy, in_force)
    _grant_stands(way.granted, policy, in_force, rooms)


def _caller_stands(caller: Caller, policy: Policy, in_force: InForce) -> None:
    app, credential = policy.apps.get(caller.app), in_force.credential(caller.app)
    if app is None or Scope.TICKETS not in app.scopes:
        raise Refused(Reason.UNAUTHENTICATED, "the app, or its scope, left the policy")
    if credential is None or credential.disabled or credential.generation != caller.credential_generation:
        raise Refused(Reason.UNAUTHENTICATED, "the app was disabled, or its credential rotated")


def _grant_stands(granted: Granted, policy: Policy, in_force: InForce, rooms: Rooms) -> None:
    grant = granted.grant
    if policy.grants.get(grant.id) != grant:
        raise Refused(Reason.GRANT_CHANGED, "the policy was reloaded")
    if policy.templates.get(grant.template) != granted.template:
        raise Refused(Reason.GRANT_CHANGED, "the policy was reloaded, and its template is another")
    if in_force.grant_disabled(grant.id):
        raise Refused(Reason.GRANT_DISABLED, grant.id)
    if rooms.clock.now() >= grant.valid_until:
        raise Refused(Reason.GRANT_EXPIRED, grant.id)
    if in_force.applied(grant.id) != granted.applied:
        rooms.prover.drop(grant.account, granted.host)
        raise Refused(Reason.GRANT_CHANGED, "what is applied changed")


def _in_time(way: _Way, rooms: Rooms) -> None:
    """The ticket call must end, answered or given up, before the attempt's deadline."""
    vcenter = way.policy.vcenters[way.intent.host.vcenter]
    longest = timedelta(seconds=vcenter.connect_timeout_s + vcenter.call_timeout_s)
    if rooms.clock.now() + longest > way.attempt.deadline:
        raise Refused(Reason.VCENTER_TIMEOUT, "too late to ask for a ticket inside the attempt's deadline")


_OUR_DECISIONS = frozenset(
    {
        Reason.NOT_APPLIED,
        *_DRIFT,
        Reason.CONTROLLER_SILENT,
        Reason.OVER_PRIVILEGED,
        Reason.UNPROVEN,
        Reason.UNAUTHENTICATED,
        Reason.GRANT_CHANGED,
        Reason.GRANT_DISABLED,
        Reason.GRANT_EXPIRED,
        Reason.LOGIN_LATCHED,
        Reason.VCENTER_BUSY,
    }
)


@contextmanager
def _outcome_on_record(way: _Way, rooms: Rooms) -> Iterator[_Story]:
    """Turn every way out by exception into the attempt's outcome, then into a Refused."""
    story = _Story(asked_at=rooms.clock.now())
    try:
        yield story
    except Refused as refusal:
        _conclude(way, rooms, story, _kind_of(refusal), refusal)
        raise
    except Exception as defect:  # what is not one of our refusals is a defect, and still an outcome
        failure = Refused(Reason.INTERNAL_ERROR, type(defect).__name__)
        _conclude(way, rooms, story, OutcomeKind.FAILED, failure)
        raise failure from defect


def _kind_of(refusal: Refused) -> OutcomeKind:
    if isinstance(refusal, MintUnknown):
        return OutcomeKind.UNKNOWN
    return OutcomeKind.REFUSED if refusal.reason in _OUR_DECISIONS else OutcomeKind.FAILED


def _conclude(way: _Way, rooms: Rooms, story: _Story, kind: OutcomeKind, refusal: Refused | None) -> Receipt:
    outcome = Outcome(
        kind=kind,
        reason=refusal.reason if refusal else None,
        detail=refusal.detail if refusal else "",
        proof=story.proof,
        exposure_from=story.exposure_from,
        exposure_until=story.exposure_until,
        fingerprint=story.fingerprint,
        fingerprint_key_id=story.fingerprint_key_id,
        warnings=way.readiness.warnings,
    )
    return rooms.ledger.conclude(way.attempt, way.intent, outcome)


@contextmanager
def _refusals_on_record(
    request: TicketRequest, caller: Caller, rooms: Rooms, policy: Policy, proof: Proof | None = None
) -> Iterator[None]:
    try:
        yield
    except LogUnavailable:
        raise
    except Refused as refusal:
        rooms.ledger.refuse(request, caller, refusal, policy.revision, proof)
        raise
    except Exception as defect:  # nobody decided: refused, and on record
        failure = Refused(Reason.INTERNAL_ERROR, type(defect).__name__)
        rooms.ledger.refuse(request, caller, failure, policy.revision, proof)
        raise failure from defect


def _intent(request: TicketRequest, caller: Caller, granted: Granted, policy: Policy) -> Intent:
    return Intent(
        issuance=request.issuance,
        app=caller.app,
        origin=caller.origin,
        grant=granted.grant.id,
        template=granted.template.id,
        template_revision=granted.template.revision,
        account=granted.grant.account,
        host=granted.host.ref,
        host_name=granted.host.name,
        policy_revision=policy.revision,
    )


def _issued(
    way: _Way, ticket: VcenterTicket, endpoint: Endpoint, asked_at: datetime, receipt: Receipt
) -> IssuedTicket:
    return IssuedTicket(
        issuance=way.attempt.issuance,
        attempt=way.attempt.number,
        session_id=ticket.session_id,
        endpoint=endpoint,
        host=way.granted.host,
        grant=way.intent.grant,
        template=way.intent.template,
        template_revision=way.intent.template_revision,
        account=way.intent.account,
        issued_at=asked_at,
        expires_at=asked_at + timedelta(seconds=TICKET_LIFE_S),
        receipt=receipt,
        warnings=way.readiness.warnings,
    )
