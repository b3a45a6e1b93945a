"""The decision: which host a name means, which grant covers it, whether CIM can work there.

Pure functions of the policy, the sightings and what was applied. Deny is what happens when
nothing here says otherwise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.errors import Reason, Refused
from broker.model.applied import AppliedGrant, Standing
from broker.model.inventory import Connection, Host, HostFacts, Readiness, Sighting
from broker.model.issuance import Proof, TicketRequest
from broker.model.names import AccountId, AppId, GrantId, HostName
from broker.model.policy import Grant, Policy, ReadinessMode, Template, TemplateKind, TicketKind, Vcenter

INVENTORY_MAX_AGE_S = 60.0

SYSTEM_PRIVILEGES = frozenset({"System.Anonymous", "System.View", "System.Read"})
"""Every user-defined role holds them (vSphere API, AuthorizationManager.AddAuthorizationRole)."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant that covers the host, with what it was applied as and the host as its account sees it."""

    grant: Grant
    template: Template
    applied: AppliedGrant
    host: Host


def usable_grants(
    policy: Policy, app: AppId, request: TicketRequest, disabled: Callable[[GrantId], bool], now: datetime
) -> tuple[Grant, ...]:
    """The app's grants that may be considered for this request.

    Raises Refused(GRANT_UNKNOWN | GRANT_EXPIRED | GRANT_DISABLED | TEMPLATE_DISABLED |
    TICKET_KIND_REFUSED | GRANT_TOO_LONG): of the grants that come nearest to being usable.
    """
    asked = [g for g in policy.grants_of(app) if request.grant in (None, g.id)]
    asked = [g for g in asked if request.vcenter in (None, policy.accounts[g.account].vcenter)]
    if not asked:
        raise Refused(Reason.GRANT_UNKNOWN, "the app has no such grant")
    if usable := standing_grants(policy, asked, disabled, now):
        return usable
    objections = [(_objection(policy, g, disabled, now), g.id) for g in asked]
    reason = max((reason for reason, _ in objections if reason), key=_NEAREST_LAST.index)
    raise Refused(reason, ", ".join(grant for said, grant in objections if said is reason))


def standing_grants(
    policy: Policy, grants: Iterable[Grant], disabled: Callable[[GrantId], bool], now: datetime
) -> tuple[Grant, ...]:
    """Those of the grants that are still valid, that no operator cut, and whose template lets them issue."""
    return tuple(g for g in grants if _objection(policy, g, disabled, now) is None)


_NEAREST_LAST = (
    Reason.GRANT_EXPIRED,
    Reason.GRANT_DISABLED,
    Reason.TEMPLATE_DISABLED,
    Reason.TICKET_KIND_REFUSED,
    Reason.GRANT_TOO_LONG,
)


def _objection(
    policy: Policy, grant: Grant, disabled: Callable[[GrantId], bool], now: datetime
) -> Reason | None:
    """Why nothing may be issued under the grant, whatever the host."""
    if now >= grant.valid_until:
        return Reason.GRANT_EXPIRED
    if disabled(grant.id):
        return Reason.GRANT_DISABLED
    template = policy.templates[grant.template]
    if not template.enabled or template.kind is not TemplateKind.APP:
        return Reason.TEMPLATE_DISABLED
    if TicketKind.CIM not in template.ticket_kinds:
        return Reason.TICKET_KIND_REFUSED
    if ends_too_late(grant, template, now):
        return Reason.GRANT_TOO_LONG
    return None


def ends_too_late(grant: Grant, template: Template, now: datetime) -> bool:
    """Whether the grant's end is further away than its template lets it be."""
    return template.max_days is not None and grant.valid_until - now > timedelta(days=template.max_days)


def meant(name: HostName, sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Those of the sightings that answer to `name`, by vCenter's own name for the host if any does.

    DNS name and addresses are what a host says of itself: root on one host could take another's,
    and nobody would get a ticket for that other one any more.
    """
    answering = [s for s in sightings if name in (s.host.name, *s.host.addresses)]
    named = [s for s in answering if s.host.name == name and not s.host.self_named]
    return tuple(named or answering)


def found_by(
    name: HostName, accounts: Iterable[AccountId], seen: Callable[[AccountId], tuple[Sighting, ...]]
) -> tuple[Sighting, ...]:
    """What the accounts together see under that name, each asked by `seen`, which raises Refused.

    Raises that only where nobody sees anything; else each sighting's `unseen_as` is its reason.
    """
    sightings: list[Sighting] = []
    unsure: list[Refused] = []
    for account in sorted(accounts):
        try:
            own = seen(account)
        except Refused as refusal:
            unsure.append(refusal)
            continue
        sightings.extend(own)
        unsure.extend(Refused(s.unseen_as) for s in own if s.unseen_as)
    if unsure and not sightings:
        raise unsure[0]
    unseen_as = unsure[0].reason if unsure else None
    return tuple(replace(s, unseen_as=unseen_as) for s in meant(name, sightings))


def one_host(sightings: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
    """The sightings of the one host that they all show.

    Raises Refused(HOST_UNKNOWN | HOST_AMBIGUOUS | INVENTORY_STALE). Two hosts are none. Where an
    account could not be asked, the reason is that account's instead, as it is for an unknown host.
    """
    if not sightings:
        raise Refused(Reason.HOST_UNKNOWN, "no account of the app's grants sees it")
    if len({s.host.ref for s in sightings}) > 1:
        raise _as_unseen(Refused(Reason.HOST_AMBIGUOUS, "the name fits several hosts"), sightings)
    fresh = tuple(s for s in sightings if s.age_s <= INVENTORY_MAX_AGE_S)
    if not fresh:
        age_s = min(s.age_s for s in sightings)
        raise _as_unseen(Refused(Reason.INVENTORY_STALE, f"last confirmed {age_s:.0f} s ago"), sightings)
    return fresh


def _as_unseen(refusal: Refused, sightings: tuple[Sighting, ...]) -> Refused:
    """The refusal under the reason that an unseen host would have met, so that the two look alike."""
    reason = next((s.unseen_as for s in sightings if s.unseen_as), None)
    if reason is None:
        return refusal
    return Refused(reason, f"an account could not be asked; without it: {refusal}")


def covering_grant(
    policy: Policy,
    grants: tuple[Grant, ...],
    sightings: tuple[Sighting, ...],
    applied: Callable[[GrantId], AppliedGrant | None],
) -> Granted:
    """The one grant that covers the host, applied as it is written and still holding.

    Raises Refused(OUT_OF_SCOPE | GRANT_AMBIGUOUS | NOT_APPLIED | DRIFTED | NARROWED), and what
    `one_host` would where it is out of scope and an account could not be asked. A grant that was never
    applied has no scope yet, so it covers nothing that the caller could learn about.
    """
    seen = {s.account: s.host for s in sightings}
    covering: list[Granted] = []
    for grant in grants:
        standing, host = applied(grant.id), seen.get(grant.account)
        if standing is None or host is None:
            continue
        if standing.covers(host.ref.instance_uuid, (host.ref.moid, *host.ancestors)):
            covering.append(Granted(grant, policy.templates[grant.template], standing, host))
    if not covering:
        out = Refused(Reason.OUT_OF_SCOPE, "no applied scope of the app's grants holds the host")
        raise _as_unseen(out, sightings)
    if len(covering) > 1:
        raise Refused(Reason.GRANT_AMBIGUOUS, ", ".join(c.grant.id for c in covering))
    _in_force(covering[0].grant, covering[0].applied)
    return covering[0]


_STANDS_AS = {Standing.DRIFTED: Reason.DRIFTED, Standing.NARROWED: Reason.NARROWED}


def _in_force(grant: Grant, applied: AppliedGrant) -> None:
    if applied.digest != grant.digest:
        raise Refused(Reason.NOT_APPLIED, "the grant or its template changed since it was applied")
    if reason := _STANDS_AS.get(applied.standing):
        raise Refused(reason, applied.finding)


def judge_grant(
    policy: Policy,
    grant: Grant,
    applied: AppliedGrant | None,
    disabled: Callable[[GrantId], bool],
    now: datetime,
) -> None:
    """Refuse a grant under which nobody gets a ticket, whatever the host.

    Raises Refused as `usable_grants` does, and Refused(NOT_APPLIED | DRIFTED | NARROWED).
    """
    if reason := _objection(policy, grant, disabled, now):
        raise Refused(reason, grant.id)
    if applied is None:
        raise Refused(Reason.NOT_APPLIED, "the grant was never applied")
    _in_force(grant, applied)


def judge_connection(host: Host, vcenter: Vcenter) -> None:
    """Refuse a host that no ticket can work on, from the inventory alone.

    Raises Refused(HOST_DISCONNECTED | HOST_VERSION_UNSUPPORTED). Lockdown, maintenance mode and
    alarms never refuse: tickets are the documented way under lockdown.
    """
    if host.connection in (Connection.DISCONNECTED, Connection.NOT_RESPONDING):
        raise Refused(Reason.HOST_DISCONNECTED, host.connection)
    major = (host.version or "").split(".", maxsplit=1)[0]
    if major.isdecimal() and int(major) >= vcenter.first_unsupported_major:
        raise Refused(Reason.HOST_VERSION_UNSUPPORTED, f"release {host.version}")


def judge_readiness(host: Host, facts: HostFacts, mode: ReadinessMode) -> Readiness:
    """Refuse a host whose CIM service is reported stopped, unless the grant only wants advice.

    Raises Refused(CIM_SERVICE_STOPPED). What is unknown is a warning, never a refusal.
    """
    if facts.cim_running is False and mode is ReadinessMode.REQUIRE:
        raise Refused(Reason.CIM_SERVICE_STOPPED, "sfcbd-watchdog is not running")
    return Readiness(facts, tuple(_warnings(host, facts)))


def _warnings(host: Host, facts: HostFacts) -> list[str]:
    firewall = facts.firewall
    findings = {
        "connection_unknown": host.connection is Connection.UNKNOWN,
        "version_unknown": host.version is None,
        "cim_service_stopped": facts.cim_running is False,
        "cim_service_unknown": facts.cim_running is None,
        "firewall_ruleset_disabled": firewall.enabled is False,
        "firewall_unknown": firewall.enabled is None,
        "firewall_allows_listed_addresses_only": firewall.all_addresses is False,
        "certificate_unknown": facts.certificate_pem is None,
    }
    return [name for name, found in findings.items() if found]


def judge_proof(granted: Granted, proof: Proof, tolerated: frozenset[str]) -> None:
    """Compare what the account holds with what the template says (rule 4).

    Host: equal. Root folder: nothing but what the account tolerates. System.Anonymous, View and
    Read do not count. Raises Refused(OVER_PRIVILEGED | NOT_APPLIED).
    """
    held = proof.host_privileges - SYSTEM_PRIVILEGES
    surplus = (held - granted.template.privileges) | (proof.root_privileges - SYSTEM_PRIVILEGES - tolerated)
    if surplus:
        raise Refused(Reason.OVER_PRIVILEGED, "surplus: " + ", ".join(sorted(surplus)[:20]))
    lack = granted.template.privileges - held - SYSTEM_PRIVILEGES
    if lack:
        raise Refused(Reason.NOT_APPLIED, "lack: " + ", ".join(sorted(lack)[:20]))
