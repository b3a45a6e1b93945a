"""Requests of the past, decided by the policy and the grants as the plan leaves them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from broker.controller.planning.plan import GrantAction, GrantStep, Plan
from broker.controller.replay.asked import Asked, OnRecord, Request
from broker.errors import Reason, Refused
from broker.model.applied import AppliedGrant
from broker.model.inventory import Host, Sighting
from broker.model.issuance import TicketRequest
from broker.model.names import AccountId, GrantId, HostName, IssuanceId, VcenterId
from broker.model.policy import Policy, Scope
from broker.policy.decide import covering_grant, found_by, judge_connection, one_host, usable_grants


@dataclass(frozen=True, slots=True)
class Turned:
    """A request that would end otherwise. `reason` is why it would be refused, or was."""

    app: str
    host: str
    grant: str
    reason: str
    count: int
    last: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What a plan would change for those who ask. `left_out` are requests that it does not decide."""

    since: str
    asked: int
    left_out: int
    would_be_refused: tuple[Turned, ...]
    would_be_issued: tuple[Turned, ...]


@dataclass(frozen=True, slots=True)
class After:
    """The world as the plan leaves it."""

    policy: Policy
    applied: Mapping[GrantId, AppliedGrant]
    hosts: Mapping[VcenterId, Sequence[Host]]
    disabled: Callable[[GrantId], bool]
    now: datetime


def applied_after(plan: Plan, rows: Iterable[AppliedGrant], at: datetime) -> dict[GrantId, AppliedGrant]:
    """The grants that the store would hold. Ids of roles are not known yet, and decide nothing here."""
    after = {row.grant: row for row in rows if row.grant not in plan.withdrawn}
    for vcenter in plan.vcenters:
        for step in vcenter.steps:
            if not isinstance(step, GrantStep):
                continue
            if step.action is GrantAction.WITHDRAW:
                after.pop(step.grant, None)
            else:
                after[step.grant] = AppliedGrant(step.grant, step.digest, vcenter.vcenter, step.scope, 0, at)
    return after


def replayed(past: OnRecord, since: datetime, after: After) -> Replay:
    """Each request once, however often it was made."""
    named = _by_name(after)
    refused: list[Turned] = []
    issued: list[Turned] = []
    for asked in past.asked:
        verdict = _verdict(asked.request, after, named)
        if asked.request.refused is None and verdict is not None:
            refused.append(_turned(asked, verdict))
        elif asked.request.refused is not None and verdict is None:
            issued.append(_turned(asked, asked.request.refused))
    return Replay(
        since=since.isoformat(timespec="seconds"),
        asked=sum(asked.count for asked in past.asked),
        left_out=past.left_out,
        would_be_refused=tuple(sorted(refused, key=_order)),
        would_be_issued=tuple(sorted(issued, key=_order)),
    )


def _verdict(request: Request, after: After, named: Mapping[HostName, Sequence[Host]]) -> Reason | None:
    """Why it would be refused; None where it would be issued.

    An issuance names the grant that was used, which the app may not have asked for: where that
    gives nothing any more, another one may.
    """
    reason = _refusal(request, after, named)
    if reason is not None and request.refused is None and request.grant is not None:
        return _refusal(replace(request, grant=None), after, named) and reason
    return reason


def _refusal(request: Request, after: After, named: Mapping[HostName, Sequence[Host]]) -> Reason | None:
    policy = after.policy
    app = policy.apps.get(request.app)
    if app is None or Scope.TICKETS not in app.scopes:
        return Reason.UNAUTHENTICATED

    def seen(account: AccountId) -> tuple[Sighting, ...]:
        """An account sees what its permissions reach."""
        own = [g.id for g in policy.grants.values() if g.account == account]
        rows = [row for grant in own if (row := after.applied.get(grant)) is not None]
        vcenter = policy.accounts[account].vcenter
        return tuple(
            Sighting(account, host, 0.0)
            for host in named.get(request.host, ())
            if host.ref.vcenter == vcenter
            and any(r.covers(host.ref.instance_uuid, (host.ref.moid, *host.ancestors)) for r in rows)
        )

    wanted = TicketRequest(
        issuance=IssuanceId(""),
        host=request.host,
        vcenter=request.vcenter,
        grant=request.grant,
        dry_run=True,
        idempotency_key=None,
        digest="",
    )
    try:
        grants = usable_grants(policy, request.app, wanted, after.disabled, after.now)
        sightings = one_host(found_by(request.host, {grant.account for grant in grants}, seen))
        granted = covering_grant(policy, grants, sightings, after.applied.get)
        judge_connection(granted.host, policy.vcenters[policy.accounts[granted.grant.account].vcenter])
    except Refused as refusal:
        return refusal.reason
    return None


def _by_name(after: After) -> Mapping[HostName, Sequence[Host]]:
    named: dict[HostName, list[Host]] = defaultdict(list)
    for hosts in after.hosts.values():
        for host in hosts:
            for name in {host.name, *host.addresses}:
                named[name].append(host)
    return named


def _turned(asked: Asked, reason: Reason) -> Turned:
    request = asked.request
    return Turned(request.app, request.host, request.grant or "", reason.value, asked.count, asked.last)


def _order(turned: Turned) -> tuple[str, str, str]:
    return turned.app, turned.host, turned.grant
