"""The way of a request, watched: ports that are timed, so that `issue()` need not know of it.

A thread goes one way at a time, from its caller's limit to what the ledger makes durable.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from broker.errors import LogUnavailable, Reason, Refused
from broker.logs import know
from broker.model.inventory import Host, HostFacts, Sighting
from broker.model.issuance import (
    Attempt,
    Caller,
    DryRun,
    Intent,
    NotAttempted,
    Outcome,
    Proof,
    TicketRequest,
    VcenterTicket,
)
from broker.model.names import AccountId, AppId, HostName, TemplateId, VcenterId
from broker.model.policy import Grant
from broker.model.receipt import Receipt
from broker.ports.clock import Clock
from broker.ports.issuing import Hosts, Ledger, Limits, PolicySource, Prover, Rooms, TicketOffice
from broker.ports.metering import Ended, Stop, Stops, WayEnd, WayMeter


def watched(rooms: Rooms, meter: WayMeter) -> Rooms:
    """The same rooms; what goes through them is measured, and said in the line of the request."""
    way = _Way(rooms.clock, meter)
    return replace(
        rooms,
        limits=_WatchedLimits(rooms.limits, way),
        hosts=_WatchedHosts(rooms.hosts, way),
        prover=_WatchedProver(rooms.prover, way, meter),
        tickets=_WatchedTickets(rooms.tickets, way),
        ledger=_WatchedLedger(rooms.ledger, way, rooms.policy),
    )


class _Journey(threading.local):
    """The way that this thread is on: when its last stop ended, and how long each took, in order."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.stops: Stops = []


class _Way:
    """The ways of all threads. It is walked at each stop of each ticket, so it is written to cost little."""

    def __init__(self, clock: Clock, meter: WayMeter) -> None:
        self._monotonic = clock.monotonic
        self._meter = meter
        self._here = _Journey()

    def begin(self) -> None:
        """A new way; one that ended nowhere is forgotten."""
        self._here.last, self._here.stops = self._monotonic(), []

    def go_on(self) -> None:
        """Begin, unless this thread is on its way."""
        if self._here.last is None:
            self.begin()

    def passed(self, stop: Stop) -> None:
        """The stop ends here, and began where the one before ended."""
        here = self._here
        if (last := here.last) is None:
            return  # this thread is on no way: a room was asked for something else
        here.last = now = self._monotonic()
        here.stops.append((stop, now - last))

    def end(
        self, ended: Ended, template: TemplateId | None, vcenter: VcenterId | None, reason: Reason | None
    ) -> None:
        """The way ends here, with its outcome."""
        self.passed(Stop.OUTCOME)
        stops, self._here.last = self._here.stops, None
        self._meter.ended(WayEnd(ended, template, vcenter, reason), stops)
        facts = {"ended": ended, "template": template, "vcenter": vcenter, "reason": reason}
        milliseconds = {str(stop): int(100_000 * seconds) / 100 for stop, seconds in stops}
        know(**{name: str(value) for name, value in facts.items() if value}, stops_ms=milliseconds)


class _WatchedLimits:
    def __init__(self, limits: Limits, way: _Way) -> None:
        self._limits = limits
        self._way = way

    def charge_caller(self, app: AppId) -> None:
        self._way.begin()
        try:
            self._limits.charge_caller(app)
        finally:
            self._way.passed(Stop.CALLER_LIMIT)

    def charge_grant(self, grant: Grant, host: Host) -> None:
        try:
            self._limits.charge_grant(grant, host)
        finally:
            self._way.passed(Stop.GRANT_LIMIT)


class _WatchedHosts:
    def __init__(self, hosts: Hosts, way: _Way) -> None:
        self._hosts = hosts
        self._way = way

    def find(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        self._way.go_on()
        try:
            return self._hosts.find(name, accounts)
        finally:
            self._way.passed(Stop.FIND_HOST)

    def seen(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        return self._hosts.seen(name, accounts)

    def expect_facts(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        return self._hosts.expect_facts(account, hosts)

    def facts(self, account: AccountId, host: Host) -> HostFacts:
        self._way.passed(Stop.FIND_GRANT)
        try:
            return self._hosts.facts(account, host)
        finally:
            self._way.passed(Stop.READINESS)

    def forget_facts(self, account: AccountId, host: Host) -> None:
        self._hosts.forget_facts(account, host)


class _WatchedProver:
    def __init__(self, prover: Prover, way: _Way, meter: WayMeter) -> None:
        self._prover = prover
        self._way = way
        self._meter = meter

    def prove(self, account: AccountId, host: Host) -> Proof:
        try:
            proof = self._prover.prove(account, host)
        finally:
            self._way.passed(Stop.PROOF)
        self._meter.proved(host.ref.vcenter, proof.age_s)
        return proof

    def expect_proofs(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        return self._prover.expect_proofs(account, hosts)

    def drop(self, account: AccountId, host: Host) -> None:
        self._prover.drop(account, host)


class _WatchedTickets:
    def __init__(self, tickets: TicketOffice, way: _Way) -> None:
        self._tickets = tickets
        self._way = way

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        try:
            return self._tickets.acquire(account, host, operation_id, permit)
        finally:
            self._way.passed(Stop.TICKET)


class _WatchedLedger:
    """Every end of a way is here, whether the store takes its record or not."""

    def __init__(self, ledger: Ledger, way: _Way, policy: PolicySource) -> None:
        self._ledger = ledger
        self._way = way
        self._policy = policy

    def refuse(
        self,
        request: TicketRequest,
        caller: Caller,
        refusal: Refused,
        policy_revision: str,
        proof: Proof | None = None,
    ) -> None:
        """Counted under its own reason, also where the log only sums it up."""
        reason = refusal.reason
        try:
            self._ledger.refuse(request, caller, refusal, policy_revision, proof)
        except LogUnavailable as unavailable:
            reason = unavailable.reason
            raise
        finally:
            self._way.end(Ended.REFUSED, None, self._known(request.vcenter), reason)

    def rehearse(self, dry_run: DryRun, caller: Caller, proof: Proof, policy_revision: str) -> None:
        """A dry run that nothing was against."""
        ended, reason = Ended.FAILED, _nobody_decided()
        try:
            self._ledger.rehearse(dry_run, caller, proof, policy_revision)
            ended, reason = Ended.REHEARSED, None
        except Refused as refusal:
            reason = refusal.reason
            raise
        finally:
            self._way.end(ended, dry_run.template, dry_run.host.ref.vcenter, reason)

    def leave(self, rest: NotAttempted, caller: Caller) -> None:
        self._ledger.leave(rest, caller)

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        """What it refuses for another reason than the log's goes through `refuse` next."""
        try:
            attempt = self._ledger.intend(intent, request)
        except LogUnavailable as unavailable:
            self._way.end(Ended.REFUSED, intent.template, intent.host.vcenter, unavailable.reason)
            raise
        self._way.passed(Stop.INTENT)
        return attempt

    def conclude(self, attempt: Attempt, intent: Intent, outcome: Outcome) -> Receipt:
        """A ticket whose outcome is not on record, or late, is delivered to nobody."""
        ended, reason = Ended.FAILED, _nobody_decided()
        try:
            receipt = self._ledger.conclude(attempt, intent, outcome)
            ended, reason = Ended(outcome.kind.value), outcome.reason
        except Refused as refusal:
            reason = refusal.reason
            raise
        else:
            return receipt
        finally:
            self._way.end(ended, intent.template, intent.host.vcenter, reason)
            know(issuance=attempt.issuance)  # not the request's own where a key makes a further attempt

    def _known(self, vcenter: VcenterId | None) -> VcenterId | None:
        """The vCenter that the caller named, if there is one of that id."""
        return vcenter if vcenter in self._policy.current().vcenters else None


def _nobody_decided() -> Reason | None:
    """What a defect is counted under."""
    return Reason.INTERNAL_ERROR
