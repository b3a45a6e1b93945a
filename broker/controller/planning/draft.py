"""A plan for one vCenter: a pure function of the policy, a survey, what is ours, and the facts known.

In this order, so that a crash at any point leaves nothing wider than before or after:
  1. grants that something not ours stands in the way of leave the store;
  2. roles are made, and those that change are narrowed to what they hold before and after;
  3. permissions are set, replaced and removed (see `permissions.in_order`);
  4. roles are widened: whoever was to lose one has lost it;
  5. roles that nobody wants any more are removed;
  6. grants enter the store: from here on `serve` may use them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.controller.planning import conflicts
from broker.controller.planning.conflicts import Ground, standing_of
from broker.controller.planning.facts import Facts
from broker.controller.planning.observed import observed
from broker.controller.planning.permissions import (
    in_order,
    is_ours,
    kept_permission,
    leaving_steps,
    reach_of,
    seat_step,
)
from broker.controller.planning.plan import (
    Asked,
    GrantAction,
    GrantStep,
    Kept,
    PermissionStep,
    Problem,
    ProblemKind,
    RoleAction,
    RoleStep,
    Step,
    VcenterPlan,
)
from broker.controller.planning.retired import retired_roles
from broker.controller.planning.roles import RolePlan, role_plan
from broker.controller.planning.wishes import (
    Blocked,
    Ownership,
    Seat,
    SeatKey,
    Wish,
    collisions,
    seats_of,
    wanted_privileges,
    wish_of,
)
from broker.model.applied import AppliedGrant, ScopeEntry, Standing
from broker.model.names import GrantId, TemplateId, VcenterId
from broker.model.policy import Grant, Policy
from broker.model.principals import canonical_user, principal_of
from broker.model.survey import Survey

_IN_THE_WAY = frozenset({ProblemKind.CONFLICT, ProblemKind.SHARED})


@dataclass(frozen=True, slots=True)
class Basis:
    """What one vCenter's plan is made from, all of it."""

    policy: Policy
    vcenter: VcenterId
    seen: Survey
    mine: Ownership
    asked: Asked

    @property
    def grants(self) -> list[Grant]:
        """The policy's grants for this vCenter, in the order of their ids."""
        accounts = self.policy.accounts
        every = sorted(self.policy.grants.items())
        return [grant for _, grant in every if accounts[grant.account].vcenter == self.vcenter]


@dataclass(slots=True)
class _Blocks:
    """Grants that cannot be applied, each with its first reason."""

    vcenter: VcenterId
    problems: list[Problem] = field(default_factory=list)
    kinds: dict[GrantId, ProblemKind] = field(default_factory=dict)

    def block(self, grants: Iterable[GrantId], blocked: Blocked) -> None:
        for grant in grants:
            if grant not in self.kinds:
                self.kinds[grant] = blocked.kind
                self.problems.append(Blocked(blocked.kind, grant, str(blocked)).at(self.vcenter))


@dataclass(frozen=True, slots=True)
class Draft:
    """The plan as far as the facts go, and where a group's permission may decide: worth asking about."""

    plan: VcenterPlan
    seats: frozenset[SeatKey]


def draft(basis: Basis, facts: Facts) -> Draft:
    """Never raises for what the policy or vCenter hold: everything that stands in the way is named."""
    seen, mine, blocks = basis.seen, basis.mine, _Blocks(basis.vcenter)
    wishes = list(_resolved(basis, blocks))
    roles = _roles(basis, facts, blocks)
    for collision in collisions(wishes):
        blocks.block([GrantId(collision.subject)], collision)
    standing = standing_of(seen)
    everything = seats_of([w for w in wishes if blocks.kinds.get(w.grant.id) is not ProblemKind.CONFLICT])
    leftovers = _leftovers(basis, wishes, standing)
    ground = Ground(seen, standing, leftovers if basis.asked.prune else frozenset(), {})
    steps, seats, ground = _seated(wishes, roles, ground, mine, facts, blocks)
    viable = {wish.template.id for wish in wishes if wish.grant.id not in blocks.kinds}
    roles = {template: plan for template, plan in roles.items() if template in viable}
    kept, removals = _removals(leftovers, ground, facts, basis.asked)
    permissions = in_order([*steps.values(), *removals], seen)
    retired = retired_roles(basis.policy, basis.grants, seen, mine, removals, basis.asked)
    applies, unchanged = _applied(wishes, roles, steps, seen, basis, blocks)
    plan = VcenterPlan(
        vcenter=basis.vcenter,
        instance_uuid=seen.instance_uuid,
        steps=_ordered(_withdrawals(basis, blocks), roles, permissions, retired.steps, applies),
        unchanged=unchanged,
        problems=tuple(blocks.problems),
        kept=(*kept, *retired.kept),
        notes=tuple(conflicts.elsewhere(ground, seats, mine.permissions)),
        role_ids={p.template.role_name: p.role_id for p in roles.values() if p.role_id is not None},
        observed=observed(wishes, seen, mine, standing),
    )
    return Draft(plan, frozenset(conflicts.questions(ground, everything)))


def _resolved(basis: Basis, blocks: _Blocks) -> Iterator[Wish]:
    for grant in basis.grants:
        try:
            yield wish_of(basis.policy, grant, basis.seen, basis.mine, basis.asked)
        except Blocked as blocked:
            blocks.block([grant.id], blocked)


def _roles(basis: Basis, facts: Facts, blocks: _Blocks) -> dict[TemplateId, RolePlan]:
    """The roles of the templates in use here; a template that cannot have one blocks its grants."""
    grants: dict[TemplateId, list[GrantId]] = defaultdict(list)
    for grant in basis.grants:
        grants[grant.template].append(grant.id)
    plans: dict[TemplateId, RolePlan] = {}
    for template, names in sorted(grants.items()):
        try:
            plans[template] = role_plan(
                basis.policy.templates[template], names, basis.seen, basis.mine, facts
            )
        except Blocked as blocked:
            blocks.problems.append(blocked.at(basis.vcenter))
            blocks.block(names, Blocked(blocked.kind, "", f"its template {template}: {blocked}"))
    return plans


def _leftovers(basis: Basis, wishes: Sequence[Wish], standing: conflicts.Standing) -> frozenset[SeatKey]:
    """Permissions of ours that no grant asks for, whether or not it can be applied."""
    asked = {key for wish in wishes for key in wish.keys} | set(_of_unresolved(basis, wishes))
    found: set[SeatKey] = set()
    for key in basis.mine.permissions - asked:
        held = standing.at(key)
        if held is not None and is_ours(key, held, basis.mine):
            found.add(key)
    return frozenset(found)


def _of_unresolved(basis: Basis, wishes: Sequence[Wish]) -> Iterator[SeatKey]:
    """Where grants stand whose paths lead nowhere now: nobody said that they shall not."""
    resolved = {wish.grant.id for wish in wishes}
    for grant in basis.grants:
        applied = basis.mine.applied.get(grant.id)
        if grant.id in resolved or applied is None:
            continue
        account = canonical_user(principal_of(basis.policy.accounts[grant.account].user))
        for entry in applied.scope:
            if basis.seen.tree.node(entry.moid) is not None:
                yield basis.seen.tree.entity(entry.moid).moid, account


def _seated(
    wishes: Sequence[Wish],
    roles: dict[TemplateId, RolePlan],
    ground: Ground,
    mine: Ownership,
    facts: Facts,
    blocks: _Blocks,
) -> tuple[dict[SeatKey, PermissionStep], dict[SeatKey, Seat], Ground]:
    """The steps of all seats that nothing stands in the way of; what falls may make others fall."""
    while True:
        before = len(blocks.kinds)
        left = [wish for wish in wishes if wish.grant.id not in blocks.kinds]
        seats = seats_of(left)
        ground = replace(ground, roles=_roles_after(ground.seen, roles, {w.template.id for w in left}))
        ground = replace(ground, leaving=frozenset(conflicts.removable(ground, seats)))
        steps: dict[SeatKey, PermissionStep] = {}
        for key, seat in seats.items():
            try:
                step = seat_step(seat, roles[seat.template.id].role_id, ground, mine, facts)
            except Blocked as blocked:
                blocks.block(seat.grants, blocked)
            else:
                if step is not None:
                    steps[key] = step
        hindered = conflicts.below(ground, seats)
        if facts.held is not None:
            hindered |= conflicts.through_groups(ground, seats, facts.held)
        for key, text in sorted(hindered.items()):
            blocks.block(seats[key].grants, Blocked(ProblemKind.CONFLICT, "", text))
        _keep_from_widening(wishes, roles, ground, seats, blocks)
        if len(blocks.kinds) == before:
            return steps, seats, ground


def _roles_after(
    seen: Survey, roles: Mapping[TemplateId, RolePlan], viable: set[TemplateId]
) -> dict[int, frozenset[str]]:
    """What each role holds in the end: that of a template whose grants all fell stays as it is."""
    present = {role.id: role.privileges for role in seen.roles.values()}
    changed = {
        plan.role_id: wanted_privileges(plan.template)
        for template, plan in roles.items()
        if template in viable and plan.role_id is not None
    }
    return present | changed


def _keep_from_widening(
    wishes: Sequence[Wish],
    roles: dict[TemplateId, RolePlan],
    ground: Ground,
    seats: Mapping[SeatKey, Seat],
    blocks: _Blocks,
) -> None:
    """A role stays as it is where somebody holds it whom no grant gives it: it would widen them too."""
    for template, plan in list(roles.items()):
        widened = any(step.action is RoleAction.WIDEN for step in plan.steps)
        if not widened or plan.role_id is None:
            continue
        if holder := next(conflicts.others_holding(ground, seats, plan.role_id), None):
            text = (
                f"role {plan.template.role_name} cannot be widened: no grant that can be applied gives it "
                f"to {holder}; take it away there, or apply with --prune what is left over"
            )
            blocked = Blocked(ProblemKind.SHARED, template, text)
            blocks.problems.append(blocked.at(blocks.vcenter))
            blocks.block([w.grant.id for w in wishes if w.template.id == template], blocked)
            del roles[template]


def _removals(
    leftovers: frozenset[SeatKey], ground: Ground, facts: Facts, asked: Asked
) -> tuple[list[Kept], list[PermissionStep]]:
    found = list(leaving_steps(ground.leaving if asked.prune else leftovers, ground, facts))
    kept = [each for each in found if isinstance(each, Kept)]
    steps = [each for each in found if isinstance(each, PermissionStep)]
    if asked.prune:
        reason = "without it a permission above would give the account more there"
        return [
            *kept,
            *(kept_permission(key, ground, reason) for key in sorted(leftovers - ground.leaving)),
        ], steps
    named = [
        Kept(f"permission of {s.principal} on {s.path} (role {s.before_role})", "--prune removes it")
        for s in steps
    ]
    return [*kept, *named], []


def _withdrawals(basis: Basis, blocks: _Blocks) -> Iterator[GrantStep]:
    """What stands in the way may be just as wide as the grant: no ticket is to go through it."""
    reasons = {problem.subject: problem.text for problem in blocks.problems}
    for grant, kind in sorted(blocks.kinds.items()):
        applied = basis.mine.applied.get(grant)
        if kind in _IN_THE_WAY and applied is not None:
            hosts = reach_of(basis.seen, [entry.moid for entry in applied.scope])
            account = principal_of(basis.policy.accounts[basis.policy.grants[grant].account].user)
            yield GrantStep(
                GrantAction.WITHDRAW, grant, applied.digest, account, "", applied.scope, reasons[grant], hosts
            )


def _applied(
    wishes: Sequence[Wish],
    roles: Mapping[TemplateId, RolePlan],
    steps: Mapping[SeatKey, PermissionStep],
    seen: Survey,
    basis: Basis,
    blocks: _Blocks,
) -> tuple[list[GrantStep], tuple[GrantId, ...]]:
    changed: list[GrantStep] = []
    unchanged: list[GrantId] = []
    for wish in wishes:
        grant = wish.grant
        if grant.id in blocks.kinds:
            continue
        scope = tuple(ScopeEntry(t.path, seen.instance_uuid, t.moid) for t in wish.targets)
        role = roles[grant.template]
        row = basis.mine.applied.get(grant.id)
        touched = bool(role.steps) or any(key in steps for key in wish.keys)
        if not touched and row is not None and _stands(row, grant, scope, role.role_id, basis.vcenter):
            unchanged.append(grant.id)
            continue
        reason = f"app {grant.app}, {grant.reason}" if grant.reason else f"app {grant.app}"
        hosts = reach_of(seen, [entry.moid for entry in scope])
        changed.append(
            GrantStep(
                GrantAction.APPLY,
                grant.id,
                grant.digest,
                wish.principal,
                role.template.role_name,
                scope,
                reason,
                hosts,
            )
        )
    return changed, tuple(unchanged)


def _stands(
    row: AppliedGrant, grant: Grant, scope: tuple[ScopeEntry, ...], role_id: int | None, vcenter: VcenterId
) -> bool:
    return (row.digest, row.scope, row.role_id, row.vcenter, row.standing) == (
        grant.digest,
        scope,
        role_id,
        vcenter,
        Standing.HOLDS,
    )


def _ordered(
    withdrawals: Iterator[GrantStep],
    roles: Mapping[TemplateId, RolePlan],
    permissions: Sequence[PermissionStep],
    retired: Sequence[RoleStep],
    applies: Sequence[GrantStep],
) -> tuple[Step, ...]:
    of_roles = [step for _, plan in sorted(roles.items()) for step in plan.steps]
    widened = [step for step in of_roles if step.action is RoleAction.WIDEN]
    first = [step for step in of_roles if step.action is not RoleAction.WIDEN]
    return (*withdrawals, *first, *permissions, *widened, *retired, *applies)
