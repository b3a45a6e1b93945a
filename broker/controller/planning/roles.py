"""What the templates in use take in roles. Only a role that the store knows as ours is ever changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.controller.planning.facts import Facts
from broker.controller.planning.plan import ProblemKind, RoleAction, RoleStep
from broker.controller.planning.wishes import Blocked, Ownership, wanted_privileges
from broker.model.names import GrantId, TemplateId
from broker.model.policy import Template
from broker.model.survey import Role, Survey
from broker.ports.administration import OwnRole

MODIFY_ROLES = "Authorization.ModifyRoles"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class RolePlan:
    """The role of one template: its id where it stands already, and what changes."""

    template: Template
    role_id: int | None
    steps: tuple[RoleStep, ...]


def role_plan(
    template: Template, grants: Sequence[GrantId], seen: Survey, mine: Ownership, facts: Facts
) -> RolePlan:
    """Raises Blocked: a role of that name that is not ours, a privilege that this vCenter does not know."""
    role = seen.roles_by_name.get(template.role_name)
    claim = mine.roles.get(template.role_name)
    steps = tuple(_steps(template, f"template {template.id} of {_named(grants)}", role, claim, seen))
    for step in steps:
        _check_known(step, facts)
        _check_allowed(step, seen, facts)
    return RolePlan(template, role.id if role else None, steps)


def is_ours(role: Role, claim: OwnRole | None) -> bool:
    """By its id, or left by a crash just as it was asked for."""
    if claim is None or role.system:
        return False
    return claim.role_id == role.id or (claim.role_id is None and claim.privileges == role.privileges)


def _needed(step: RoleStep) -> frozenset[str]:
    """What the controller's account has to hold on the root folder: to make a role needs nothing of it."""
    changed = step.before ^ step.after if step.before is not None and step.after is not None else frozenset()
    return changed | {MODIFY_ROLES}


def _steps(
    template: Template, reason: str, role: Role | None, claim: OwnRole | None, seen: Survey
) -> Iterator[RoleStep]:
    wanted = wanted_privileges(template)
    if role is None:
        _check_not_renamed(template, claim, seen)
        yield RoleStep(RoleAction.CREATE, template.role_name, template.id, None, None, wanted, reason)
        return
    if not is_ours(role, claim):
        raise _foreign(template.id, role, claim)

    def step(action: RoleAction, before: frozenset[str], after: frozenset[str]) -> RoleStep:
        return RoleStep(action, role.name, template.id, role.id, before, after, reason)

    if claim is not None and claim.role_id is None:
        yield step(RoleAction.ADOPT, role.privileges, role.privileges)
    common = role.privileges & wanted
    if common != role.privileges:
        yield step(RoleAction.NARROW, role.privileges, common)
    if common != wanted:
        yield step(RoleAction.WIDEN, common, wanted)


def _check_not_renamed(template: Template, claim: OwnRole | None, seen: Survey) -> None:
    renamed = seen.roles.get(claim.role_id) if claim and claim.role_id is not None else None
    if renamed is not None:
        name = template.role_name
        raise Blocked(
            ProblemKind.CONFLICT,
            template.id,
            f"our role {name} is now called {renamed.name}; name it {name} again",
        )


def _foreign(template: TemplateId, role: Role, claim: OwnRole | None) -> Blocked:
    if claim is None or role.system:
        text = f"a role {role.name} exists that this broker did not make; rename or remove it"
    else:
        text = f"the role {role.name} is another than the one this broker made; rename or remove it"
    return Blocked(ProblemKind.CONFLICT, template, text)


def _check_known(step: RoleStep, facts: Facts) -> None:
    asked = (step.after or frozenset()) - (step.before or frozenset())
    unknown = asked - facts.privileges
    if facts.privileges and unknown:
        text = f"vCenter knows no privilege {', '.join(sorted(unknown))}"
        raise Blocked(ProblemKind.UNRESOLVED, step.template, text)


def _check_allowed(step: RoleStep, seen: Survey, facts: Facts) -> None:
    held = facts.own.get(seen.tree.root) if facts.own is not None else None
    if step.action is RoleAction.ADOPT or held is None:
        return
    if lack := _needed(step) - held:
        lacks = f"the controller's account lacks {', '.join(sorted(lack))} on the root folder"
        raise Blocked(ProblemKind.CONTROLLER, step.template, f"{lacks}; {_way_out(step, lack)}")


def _way_out(step: RoleStep, lack: frozenset[str]) -> str:
    """Both for a privilege that somebody put into the role: to take it out takes holding it."""
    if lack <= (step.before or frozenset()) - (step.after or frozenset()):
        return f"have an administrator take it out of role {step.name}, or give it to the account there"
    return "give it to the account there"


def _named(grants: Sequence[GrantId]) -> str:
    more = f" and {len(grants) - _NAMED} more" if len(grants) > _NAMED else ""
    return f"grant {', '.join(grants[:_NAMED])}{more}" if grants else "no grant"
