"""Which seats can be taken, and what that takes: what falls may make others fall."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from broker.controller.planning import conflicts
from broker.controller.planning.basis import Blocks
from broker.controller.planning.conflicts import Ground
from broker.controller.planning.facts import Facts
from broker.controller.planning.permissions import seat_step
from broker.controller.planning.plan import PermissionStep, ProblemKind, RoleAction
from broker.controller.planning.roles import RolePlan
from broker.controller.planning.wishes import (
    Blocked,
    Ownership,
    Seat,
    SeatKey,
    Wish,
    seats_of,
    wanted_privileges,
)
from broker.model.names import TemplateId
from broker.model.survey import Survey


@dataclass(frozen=True, slots=True)
class Seating:
    """The seats that can be taken, the steps that takes, and the ground as it then is."""

    seats: Mapping[SeatKey, Seat]
    steps: Mapping[SeatKey, PermissionStep]
    ground: Ground


def seated(
    wishes: Sequence[Wish],
    roles: dict[TemplateId, RolePlan],
    ground: Ground,
    mine: Ownership,
    facts: Facts,
    blocks: Blocks,
) -> Seating:
    """All seats that nothing stands in the way of; what falls may make others fall.

    Grants that fall are put into `blocks`; a role that cannot be widened is taken out of `roles`.
    """
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
            return Seating(seats, steps, ground)


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
    blocks: Blocks,
) -> None:
    """A role stays as it is where somebody holds it whom no grant gives it: it would widen them too."""
    for template, plan in list(roles.items()):
        widened = any(step.action is RoleAction.WIDEN for step in plan.steps)
        if not widened or plan.role_id is None:
            continue
        known = seats.keys() | ground.leaving
        if holder := next(conflicts.others_holding(ground.seen, plan.role_id, known), None):
            text = (
                f"role {plan.template.role_name} cannot be widened: no grant that can be applied gives it "
                f"to {holder}; take it away there, or apply with --prune what is left over"
            )
            blocked = Blocked(ProblemKind.SHARED, template, text)
            blocks.problems.append(blocked.at(blocks.vcenter))
            blocks.block([w.grant.id for w in wishes if w.template.id == template], blocked)
            del roles[template]
