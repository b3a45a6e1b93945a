"""`broker roles apply`: making the policy true in vCenter.

In this order, so that a crash at any point leaves nothing wider than the policy:
  1. what the policy no longer grants is withdrawn from the store, so that `serve` refuses it;
  2. each vCenter's roles are created or updated; a role alone gives nothing to anybody;
  3. every scope is resolved and every permission read and compared, before one is written;
  4. a grant's permissions are set, all or none;
  5. the grant is put into the store as applied: from here on `serve` may use it.
What is not ours is never touched: it is named, and what would have needed it is left alone.
Permissions and roles that the policy no longer needs stay in vCenter: this form does not prune.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from broker.controller.permissions import set_permissions
from broker.controller.plan import GrantPlan, collisions, plan_grant
from broker.controller.report import ApplyReport, Journal, Problem, ProblemKind
from broker.controller.roles import ensure_role
from broker.controller.site import Conflict, NoLogin, Site, Unknown
from broker.errors import BrokerError, LogUnavailable, Reason, Refused
from broker.model.applied import AppliedGrant
from broker.model.names import TemplateId, VcenterId
from broker.model.policy import Grant, Policy, Template, Vcenter
from broker.model.record import Event
from broker.model.survey import Role
from broker.model.tree import ScopeUnresolved
from broker.ports.administration import Administration, AppliedStore, HeardStore
from broker.ports.clock import Clock
from broker.ports.operation import SystemLog
from broker.texts import cleaned

OpenAdministration = Callable[[Vcenter], Administration]
"""Gives the privileged side of a vCenter. Raises BrokerError where there is no login for it."""


@dataclass(frozen=True, slots=True)
class ControllerRooms:
    """What the controller is handed."""

    store: AppliedStore
    heard: HeardStore
    log: SystemLog
    clock: Clock
    administration: OpenAdministration


def apply_policy(policy: Policy, rooms: ControllerRooms) -> ApplyReport:
    """Apply all grants of the policy; problems are in the report. Raises LogUnavailable."""
    journal = Journal(rooms.log)
    _withdraw(policy, rooms.store, journal)
    by_vcenter: dict[VcenterId, list[Grant]] = defaultdict(list)
    for _, grant in sorted(policy.grants.items()):
        by_vcenter[policy.accounts[grant.account].vcenter].append(grant)
    for vcenter, grants in sorted(by_vcenter.items()):
        try:
            _apply_vcenter(policy, policy.vcenters[vcenter], grants, rooms, journal)
        except LogUnavailable:
            raise
        except BrokerError as error:
            journal.problem(_problem(error, vcenter, vcenter))
    return journal.report()


def _withdraw(policy: Policy, store: AppliedStore, journal: Journal) -> None:
    for applied in store.all():
        if applied.grant not in policy.grants:
            store.remove(applied.grant)
            journal.changed(Event.GRANT_WITHDRAWN, {"grant": applied.grant, "vcenter": applied.vcenter})


def _apply_vcenter(
    policy: Policy, vcenter: Vcenter, grants: Sequence[Grant], rooms: ControllerRooms, journal: Journal
) -> None:
    administration = rooms.administration(vcenter)
    try:
        seen = administration.survey()
        site = Site(vcenter.id, seen.instance_uuid, seen.tree, administration, rooms.store, journal)
        roles = _ensure_roles(site, policy, grants)
        plans = _plan(site, policy, grants, roles)
        clashing = collisions(plans)
        for plan in plans:
            if plan.grant.id in clashing:
                error = Conflict(clashing[plan.grant.id])
                journal.problem(_problem(error, plan.grant.id, vcenter.id))
            else:
                _apply_grant(site, plan, rooms.clock)
    finally:
        administration.close()


def _ensure_roles(site: Site, policy: Policy, grants: Sequence[Grant]) -> dict[TemplateId, Role]:
    roles: dict[TemplateId, Role] = {}
    for template in sorted({grant.template for grant in grants}):
        try:
            roles[template] = ensure_role(site, policy.templates[template])
        except BrokerError as error:
            _raise_if_pointless(error)
            site.journal.problem(_problem(error, template, site.vcenter))
    return roles


def _plan(
    site: Site, policy: Policy, grants: Sequence[Grant], roles: dict[TemplateId, Role]
) -> list[GrantPlan]:
    plans: list[GrantPlan] = []
    for grant in grants:
        try:
            role = roles.get(grant.template)
            if role is None:
                raise Conflict(f"the role of its template {grant.template} does not stand")
            plan = plan_grant(site, grant, policy.accounts[grant.account].user, role)
            _check_entity_types(policy.templates[grant.template], plan)
            plans.append(plan)
        except BrokerError as error:
            _raise_if_pointless(error)
            site.journal.problem(_problem(error, grant.id, site.vcenter))
    return plans


def _check_entity_types(template: Template, plan: GrantPlan) -> None:
    for target in plan.targets:
        if not template.may_be_granted_on(target.entity.kind):
            raise Conflict(
                f"{target.path} is a {target.entity.kind}, which template {template.id} may not be granted on"
            )


def _apply_grant(site: Site, plan: GrantPlan, clock: Clock) -> None:
    try:
        set_permissions(site, plan)
    except BrokerError as error:
        _raise_if_pointless(error)
        site.journal.problem(_problem(error, plan.grant.id, site.vcenter))
        return
    applied = AppliedGrant(
        grant=plan.grant.id,
        digest=plan.grant.digest,
        vcenter=site.vcenter,
        scope=plan.scope(site.instance_uuid),
        role_id=plan.role.id,
        applied_at=clock.now(),
    )
    before = site.store.applied(plan.grant.id)
    if not plan.steps and before and replace(before, applied_at=applied.applied_at) == applied:
        site.journal.unchanged(plan.grant.id)
        return
    scope = [f"{entry.path} = {entry.moid}" for entry in applied.scope]
    site.journal.changed(
        Event.GRANT_APPLIED,
        {
            "grant": applied.grant,
            "vcenter": site.vcenter,
            "instance_uuid": site.instance_uuid,
            "digest": applied.digest,
            "role_id": applied.role_id,
            "principal": plan.principal,
            "scope": scope,
        },
    )
    site.store.put(applied)


_MAX_PROBLEM = 1000

_POINTLESS = frozenset(
    {
        Reason.LOG_UNAVAILABLE,
        Reason.VCENTER_UNAVAILABLE,
        Reason.VCENTER_TIMEOUT,
        Reason.VCENTER_BUSY,
        Reason.LOGIN_LATCHED,
        Reason.SHUTTING_DOWN,
    }
)


def _raise_if_pointless(error: BrokerError) -> None:
    """Go on with the next template or grant only where it may fare better."""
    if isinstance(error, Refused) and error.reason in _POINTLESS:
        raise error


def _problem(error: BrokerError, subject: str, vcenter: str) -> Problem:
    kinds = {
        Conflict: ProblemKind.CONFLICT,
        NoLogin: ProblemKind.NO_LOGIN,
        Unknown: ProblemKind.UNRESOLVED,
        ScopeUnresolved: ProblemKind.UNRESOLVED,
        Refused: ProblemKind.UNREACHABLE,
    }
    kind = next((kind for cls, kind in kinds.items() if isinstance(error, cls)), ProblemKind.REFUSED)
    return Problem(kind, subject, vcenter, cleaned(str(error), _MAX_PROBLEM))
