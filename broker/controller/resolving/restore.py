"""Putting back what the policy says where it drifted: an apply's plan, of these grants alone.

What stands where a permission of ours was set is replaced, though somebody else may have put it there:
whoever asks for this has been shown it. A role of ours that was called otherwise is given its name
again. All else that is not ours stays as it is and is named, as in every apply.
"""

from collections.abc import Collection
from dataclasses import replace

from broker.controller.carrying.carry import carry_out
from broker.controller.carrying.readback import Failed, written
from broker.controller.carrying.report import ApplyReport
from broker.controller.carrying.steps import Progress
from broker.controller.comparing import standing_as_written
from broker.controller.planning.basis import Basis
from broker.controller.planning.looking import ownership, planned, unreachable
from broker.controller.planning.plan import (
    Asked,
    GrantAction,
    GrantStep,
    PermissionStep,
    Plan,
    Problem,
    ProblemKind,
    RoleStep,
    Step,
    VcenterPlan,
)
from broker.controller.planning.wishes import SeatKey, applied_seats
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError, LogUnavailable
from broker.model.applied import AppliedGrant
from broker.model.names import GrantId
from broker.model.policy import Policy, Vcenter
from broker.model.principals import canonical_user
from broker.model.record import Event, JsonValue, Record
from broker.model.survey import Role, Survey
from broker.ports.administration import Administration


def restore(
    policy: Policy, rooms: ControllerRooms, grants: Collection[GrantId], by: str, progress: Progress
) -> ApplyReport:
    """Restore these grants, all of which are applied as they are written. Raises LogUnavailable."""
    standing = standing_as_written(policy, rooms.store.all())
    plans = []
    for vcenter, applied in sorted(standing.items()):
        if wanted := [each for each in applied if each.grant in grants]:
            among = replace(policy, grants={each.grant: policy.grants[each.grant] for each in applied})
            plans.append(_planned(among, policy.vcenters[vcenter], wanted, rooms, by))
    plan = Plan(policy.revision, Asked(), {}, tuple(plans))
    return carry_out(plan, policy, rooms, by, progress)


def _planned(
    policy: Policy, vcenter: Vcenter, wanted: Collection[AppliedGrant], rooms: ControllerRooms, by: str
) -> VcenterPlan:
    """Planned among all grants that stand there as they are written, so that none is in another's way."""
    try:
        administration = rooms.administration(vcenter)
        seen = administration.survey()
        if _renamed(policy, vcenter, wanted, seen, rooms, by):
            seen = administration.survey()
        mine = ownership(rooms.store, seen.instance_uuid)
        seats = _seats(policy, wanted, seen)
        basis = Basis(policy, vcenter.id, seen, replace(mine, reclaimed=seats), Asked())
        return _of_these(planned(basis, administration), policy, wanted, seats)
    except LogUnavailable:
        raise
    except BrokerError as error:
        return unreachable(vcenter.id, error)


def _renamed(
    policy: Policy,
    vcenter: Vcenter,
    wanted: Collection[AppliedGrant],
    seen: Survey,
    rooms: ControllerRooms,
    by: str,
) -> bool:
    """Give roles of ours their names again, on record. Whether there were any."""
    claims = ownership(rooms.store, seen.instance_uuid).roles
    done = False
    for template in {policy.grants[each.grant].template for each in wanted}:
        name = policy.templates[template].role_name
        claim = claims.get(name)
        role = seen.roles.get(claim.role_id) if claim and claim.role_id is not None else None
        if role is None or role.name == name or name in seen.roles_by_name:
            continue
        fields: dict[str, JsonValue] = {
            "vcenter": vcenter.id,
            "instance_uuid": seen.instance_uuid,
            "role": name,
            "role_id": role.id,
            "was_called": role.name,
            "by": by,
        }
        change = Event.ROLE_RENAMED
        rooms.log.append([Record(Event.CHANGE_BEGAN, {"change": change.name.lower(), **fields})])
        _name_again(rooms, rooms.administration(vcenter), role, name)
        rooms.log.append([Record(change, fields)])
        done = True
    return done


def _name_again(rooms: ControllerRooms, administration: Administration, role: Role, name: str) -> None:
    shown = next((each for each in administration.roles() if each.id == role.id), None)
    if shown != role:  # a name is set together with privileges: those seen before may be more than these
        raise Failed(ProblemKind.FOREIGN, f"role {role.name} is not as it was seen just now; look again")
    roles = written(
        rooms,
        lambda: administration.update_role(role.id, name, role.privileges),
        administration.roles,
        lambda roles: any((each.id, each.name) == (role.id, name) for each in roles),
    )
    if not any((each.id, each.name) == (role.id, name) for each in roles):
        raise Failed(ProblemKind.REFUSED, f"role {role.name} is not called {name}, as was asked for")


def _seats(policy: Policy, wanted: Collection[AppliedGrant], seen: Survey) -> frozenset[SeatKey]:
    return frozenset(
        key
        for applied in wanted
        for key in applied_seats(applied, policy.accounts[policy.grants[applied.grant].account].user, seen)
    )


def _of_these(
    plan: VcenterPlan, policy: Policy, wanted: Collection[AppliedGrant], seats: frozenset[SeatKey]
) -> VcenterPlan:
    """What of the plan is about these grants; nothing is withdrawn, since nothing is issued anyway."""
    names = {each.grant for each in wanted}
    templates = {policy.grants[each.grant].template for each in wanted}

    def concerns(step: Step) -> bool:
        match step:
            case RoleStep():
                return step.template in templates
            case PermissionStep():
                return (step.entity.moid, canonical_user(step.principal)) in seats
            case GrantStep():
                return step.action is GrantAction.APPLY and step.grant in names

    def about(problem: Problem) -> bool:
        return problem.subject in names or problem.subject in templates

    return replace(
        plan,
        steps=tuple(filter(concerns, plan.steps)),
        problems=tuple(filter(about, plan.problems)),
        unchanged=tuple(each for each in plan.unchanged if each in names),
    )
