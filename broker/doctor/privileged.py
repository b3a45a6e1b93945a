"""Findings about the controller's own account: enough, and not more. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from broker.doctor.catalogue import Check
from broker.doctor.finding import Finding, some
from broker.model.names import Moid, VcenterId
from broker.model.principals import canonical_user
from broker.model.survey import Permission, Survey
from broker.model.tree import Entity, ScopeUnresolved
from broker.policy.controller_needs import ROOT, Need, needed_at

ADMINISTRATOR = -1
"""The id of the role Administrator, in every vCenter."""

OPTIONAL = frozenset({"Sessions.TerminateSession", "Sessions.ValidateSession", "Global.LogEvent"})
"""What the account may hold on the root folder beside: of use, and asked for by nobody."""

Held = Mapping[Moid, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """An object on which the account needs something. `bound` is all that may be held there."""

    entity: Entity
    needed: frozenset[str]
    bound: frozenset[str]


def places(needs: tuple[Need, ...], survey: Survey) -> tuple[Place, ...]:
    """Where the needs lie in the inventory as it is now; a path that leads nowhere is left out.

    A stand-alone host and what it lies in are one object to permissions.
    """
    found: dict[Entity, Place] = {}
    for need in needs:
        entity = _entity(need.where, survey)
        if entity is None:
            continue
        before = found.get(
            entity, Place(entity, frozenset(), OPTIONAL if need.where == ROOT else frozenset())
        )
        bound = before.bound | needed_at(needs, need.where)
        found[entity] = Place(entity, before.needed | need.privileges, bound)
    return tuple(found.values())


def of_controller(
    vcenter: VcenterId, user: str, needed: Iterable[Place], held: Held, survey: Survey
) -> Iterator[Finding]:
    """What the account effectively holds at each place against what it needs there."""
    subject, needed = f"controller {user}", tuple(needed)
    if _is_administrator(user, held, survey):
        yield Finding(Check.ADMINISTRATOR, vcenter, subject, "it holds every privilege, or has that role")
        return
    yield from _differences(vcenter, subject, needed, held, survey)
    yield from _elsewhere(vcenter, subject, user, needed, survey)


def _entity(path: str, survey: Survey) -> Entity | None:
    if path == ROOT:
        return survey.tree.entity(survey.tree.root)
    try:
        return survey.tree.locate(path).entity
    except ScopeUnresolved:
        return None


def _is_administrator(user: str, held: Held, survey: Survey) -> bool:
    if any(p.role_id == ADMINISTRATOR for _, p in _own(user, survey)):
        return True
    admin = survey.roles.get(ADMINISTRATOR)
    on_root = held.get(survey.tree.root, frozenset())
    return admin is not None and bool(admin.privileges) and on_root >= admin.privileges


def _differences(
    vcenter: VcenterId, subject: str, needed: Iterable[Place], held: Held, survey: Survey
) -> Iterator[Finding]:
    """Places with the same difference make one finding."""
    found: dict[tuple[Check, frozenset[str]], list[str]] = defaultdict(list)
    for place in needed:
        here = held.get(place.entity.moid, frozenset())
        path = survey.tree.path_of(place.entity.moid) or place.entity.moid
        if lack := place.needed - here:
            found[Check.CONTROLLER_LACKS, lack].append(path)
        if surplus := here - place.bound:
            found[Check.CONTROLLER_EXCEEDS, surplus].append(path)
    for (check, privileges), paths in found.items():
        names = sorted(privileges)
        verb = "lacks" if check is Check.CONTROLLER_LACKS else "does not need"
        text = f"it {verb} {some(tuple(names))} on {some(tuple(sorted(paths)))}"
        yield Finding(check, vcenter, subject, text, {"privileges": names, "paths": sorted(paths)})


def _elsewhere(
    vcenter: VcenterId, subject: str, user: str, needed: Iterable[Place], survey: Survey
) -> Iterator[Finding]:
    """Its own permissions, but to read, on what is neither a place of need nor above one."""
    wanted = {moid for place in needed for moid in survey.tree.lineage(place.entity.moid)}
    for entity, permission in _own(user, survey):
        role = survey.roles.get(permission.role_id)
        if entity not in wanted and (role is None or role.privileges):
            where = survey.tree.path_of(entity) or entity
            text = f"it has the role {role.name if role else permission.role_id} on {where}"
            yield Finding(Check.CONTROLLER_ELSEWHERE, vcenter, subject, text, {"path": where})


def _own(user: str, survey: Survey) -> Iterator[tuple[Moid, Permission]]:
    wanted = canonical_user(user)
    for entity, permissions in sorted(survey.permissions.items()):
        for permission in permissions:
            if not permission.group and canonical_user(permission.principal) == wanted:
                yield entity, permission
