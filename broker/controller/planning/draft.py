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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.controller.planning import conflicts
from broker.controller.planning.basis import Basis, Blocks
from broker.controller.planning.conflicts import Ground, standing_of
from broker.controller.planning.facts import Facts
from broker.controller.planning.grants import applied_grants, withdrawals
from broker.controller.planning.leftovers import leftovers_of, removals_of
from broker.controller.planning.observed import observed
from broker.controller.planning.permissions import in_order
from broker.controller.planning.plan import (
    GrantStep,
    PermissionStep,
    ProblemKind,
    RoleAction,
    RoleStep,
    Step,
    VcenterPlan,
)
from broker.controller.planning.retired import retired_roles
from broker.controller.planning.roles import RolePlan, role_plan
from broker.controller.planning.seating import seated
from broker.controller.planning.wishes import Blocked, SeatKey, Wish, collisions, seats_of, wish_of
from broker.model.names import GrantId, TemplateId


@dataclass(frozen=True, slots=True)
class Draft:
    """The plan as far as the facts go, and where a group's permission may decide: worth asking about."""

    plan: VcenterPlan
    seats: frozenset[SeatKey]


def draft(basis: Basis, facts: Facts) -> Draft:
    """Never raises for what the policy or vCenter hold: everything that stands in the way is named."""
    seen, mine, blocks = basis.seen, basis.mine, Blocks(basis.vcenter)
    wishes = list(_resolved(basis, blocks))
    roles = _roles(basis, facts, blocks)
    for collision in collisions(wishes):
        blocks.block([GrantId(collision.subject)], collision)
    standing = standing_of(seen)
    everything = seats_of([w for w in wishes if blocks.kinds.get(w.grant.id) is not ProblemKind.CONFLICT])
    leftovers = leftovers_of(basis, wishes, standing)
    ground = Ground(seen, standing, leftovers if basis.asked.prune else frozenset(), {})
    seating = seated(wishes, roles, ground, mine, facts, blocks)
    steps, ground = seating.steps, seating.ground
    viable = {wish.template.id for wish in wishes if wish.grant.id not in blocks.kinds}
    roles = {template: plan for template, plan in roles.items() if template in viable}
    kept, removals = removals_of(leftovers, ground, facts, basis.asked)
    permissions = in_order([*steps.values(), *removals], seen)
    retired = retired_roles(basis.policy, basis.grants, seen, mine, removals, basis.asked)
    applies, unchanged = applied_grants(wishes, roles, steps, seen, basis, blocks)
    plan = VcenterPlan(
        vcenter=basis.vcenter,
        instance_uuid=seen.instance_uuid,
        steps=_ordered(withdrawals(basis, blocks), roles, permissions, retired.steps, applies),
        unchanged=unchanged,
        problems=tuple(blocks.problems),
        kept=(*kept, *retired.kept),
        notes=tuple(conflicts.elsewhere(ground, seating.seats, mine.permissions)),
        role_ids={p.template.role_name: p.role_id for p in roles.values() if p.role_id is not None},
        observed=observed(wishes, seen, mine, standing),
    )
    return Draft(plan, frozenset(conflicts.questions(ground, everything)))


def _resolved(basis: Basis, blocks: Blocks) -> Iterator[Wish]:
    for grant in basis.grants:
        try:
            yield wish_of(basis.policy, grant, basis.seen, basis.mine, basis.asked)
        except Blocked as blocked:
            blocks.block([grant.id], blocked)


def _roles(basis: Basis, facts: Facts, blocks: Blocks) -> dict[TemplateId, RolePlan]:
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
