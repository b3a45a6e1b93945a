"""Steps about roles. What is ours is claimed in the store before vCenter is asked."""

from collections.abc import Sequence

from broker.controller.carrying.readback import EFFECTIVE_WITHIN_S, Failed, written
from broker.controller.carrying.site import Site
from broker.controller.planning.plan import ProblemKind, RoleAction, RoleStep
from broker.model.names import TemplateId
from broker.model.record import Event, JsonValue
from broker.model.survey import Role
from broker.ports.administration import Forbidden, OwnRole

_EVENTS = {
    RoleAction.ADOPT: Event.ROLE_CREATED,
    RoleAction.CREATE: Event.ROLE_CREATED,
    RoleAction.NARROW: Event.ROLE_UPDATED,
    RoleAction.WIDEN: Event.ROLE_UPDATED,
    RoleAction.REMOVE: Event.ROLE_REMOVED,
}


def create_role(site: Site, step: RoleStep) -> Role:
    """Make the role and give it as vCenter lists it. Raises Failed, and what Administration raises.

    vCenter itself refuses a name that somebody took meanwhile. The answered id alone is not
    trusted: the role is looked up by its name.
    """
    wanted = _after(step)
    _begin(site, step)
    site.rooms.store.own_role(OwnRole(site.instance_uuid, step.name, step.template, None, wanted))
    roles = written(
        site.rooms,
        lambda: _create(site, step, wanted),
        site.administration.roles,
        lambda roles: _stands(roles, step.name, wanted),
    )
    role = next((role for role in roles if role.name == step.name), None)
    if role is None or role.privileges != wanted:
        raise _unseen(step, role)
    _own(site, step, role)
    return role


def _create(site: Site, step: RoleStep, wanted: frozenset[str]) -> None:
    try:
        site.administration.create_role(step.name, wanted)
    except Forbidden:  # what bears the name, if anything does, is somebody else's
        site.rooms.store.disown_role(site.instance_uuid, step.name)
        raise


def change_role(site: Site, step: RoleStep) -> Role:
    """Narrow or widen the role, or take up one that a crash left. Raises as `create_role` does."""
    role = _as_planned(site, step)
    wanted = _after(step)
    if role.privileges != wanted:
        _begin(site, step)
        roles = written(
            site.rooms,
            lambda: site.administration.update_role(role.id, role.name, wanted),
            site.administration.roles,
            lambda roles: _stands(roles, step.name, wanted),
        )
        shown = next((each for each in roles if each.id == role.id), None)
        if shown is None or (shown.name, shown.privileges) != (role.name, wanted):
            raise _unseen(step, shown)
        role = shown
    _own(site, step, role)
    return role


def remove_role(site: Site, step: RoleStep) -> None:
    """Remove the role unless a permission uses it: vCenter itself refuses that."""
    role = _as_planned(site, step)
    _begin(site, step)
    roles = written(
        site.rooms,
        lambda: site.administration.remove_role(role.id),
        site.administration.roles,
        lambda roles: all(each.id != role.id for each in roles),
    )
    if any(each.id == role.id for each in roles):
        raise Failed(ProblemKind.REFUSED, f"role {step.name} is still listed, and was removed")
    _record(site, step, role)
    site.rooms.store.disown_role(site.instance_uuid, step.name)


def _as_planned(site: Site, step: RoleStep) -> Role:
    """The role, just as it stood when the plan was made."""
    roles: Sequence[Role] = site.administration.roles()
    role = next((each for each in roles if each.id == step.role_id), None)
    if role is None or (role.name, role.privileges) != (step.name, step.before):
        raise _foreign(step, role)
    return role


def _stands(roles: Sequence[Role], name: str, privileges: frozenset[str]) -> bool:
    return any((role.name, role.privileges) == (name, privileges) for role in roles)


def _own(site: Site, step: RoleStep, role: Role) -> None:
    _record(site, step, role)
    owned = OwnRole(site.instance_uuid, role.name, step.template, role.id, role.privileges)
    site.rooms.store.own_role(owned)


def _begin(site: Site, step: RoleStep) -> None:
    known = {} if step.role_id is None else {"role_id": step.role_id}
    site.journal.begins_change(_EVENTS[step.action], _fields(site, step) | known)


def _record(site: Site, step: RoleStep, role: Role) -> None:
    site.journal.changed(_EVENTS[step.action], _fields(site, step) | {"role_id": role.id})


def _fields(site: Site, step: RoleStep) -> dict[str, JsonValue]:
    return site.fields(
        template=step.template,
        template_revision=_revision(site, step.template),
        role=step.name,
        held=sorted(step.before or ()),
        holds=sorted(step.after or ()),
    )


def _revision(site: Site, template: TemplateId) -> str:
    known = site.policy.templates.get(template)
    return known.revision if known else ""


def _after(step: RoleStep) -> frozenset[str]:
    return step.after or frozenset()


def _foreign(step: RoleStep, role: Role | None) -> Failed:
    return Failed(
        ProblemKind.FOREIGN,
        f"role {step.name} is {_told(role)}, and when planned it was "
        f"{_listed(step.name, step.before or frozenset())}; plan again",
    )


def _unseen(step: RoleStep, role: Role | None) -> Failed:
    held = "none" if step.before is None else _listed(step.name, step.before)
    return Failed(
        ProblemKind.FOREIGN if role is not None and role.privileges != step.before else ProblemKind.REFUSED,
        f"role {step.name} is {_told(role)} {EFFECTIVE_WITHIN_S:.0f} s after it was set to "
        f"{', '.join(sorted(_after(step))) or 'nothing'}; before it was {held}",
    )


def _told(role: Role | None) -> str:
    return "gone" if role is None else _listed(role.name, role.privileges)


def _listed(name: str, privileges: frozenset[str]) -> str:
    return f"{name} with {', '.join(sorted(privileges)) or 'nothing'}"
