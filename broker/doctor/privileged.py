"""Findings about the controller's own account: enough, and not more. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from broker.doctor.catalogue import Check
from broker.doctor.finding import Finding, some
from broker.doctor.needs import OPTIONAL
from broker.model.names import Moid, VcenterId
from broker.model.principals import canonical_user
from broker.model.survey import Permission, Survey
from broker.model.tree import Entity

ADMINISTRATOR = -1
"""The id of the role Administrator, in every vCenter."""

Held = Mapping[Moid, frozenset[str]]


def of_controller(
    vcenter: VcenterId, user: str, needs: Mapping[Entity, frozenset[str]], held: Held, survey: Survey
) -> Iterator[Finding]:
    """What the account effectively holds at each place against what it needs there."""
    subject = f"controller {user}"
    if _is_administrator(user, held, survey):
        yield Finding(Check.ADMINISTRATOR, vcenter, subject, "it holds every privilege, or has that role")
        return
    yield from _differences(vcenter, subject, needs, held, survey)
    yield from _elsewhere(vcenter, subject, user, needs, survey)


def _is_administrator(user: str, held: Held, survey: Survey) -> bool:
    if any(p.role_id == ADMINISTRATOR for _, p in _own(user, survey)):
        return True
    admin = survey.roles.get(ADMINISTRATOR)
    return (
        admin is not None
        and bool(admin.privileges)
        and held.get(survey.tree.root, frozenset()) >= (admin.privileges)
    )


def _differences(
    vcenter: VcenterId, subject: str, needs: Mapping[Entity, frozenset[str]], held: Held, survey: Survey
) -> Iterator[Finding]:
    """Places with the same difference make one finding."""
    found: dict[tuple[Check, frozenset[str]], list[str]] = defaultdict(list)
    for entity, wanted in needs.items():
        here = held.get(entity.moid, frozenset())
        path = survey.tree.path_of(entity.moid) or entity.moid
        beside = OPTIONAL if entity.moid == survey.tree.root else _inherited(needs, entity, survey)
        if lack := wanted - here:
            found[Check.CONTROLLER_LACKS, lack].append(path)
        if surplus := here - wanted - beside:
            found[Check.CONTROLLER_EXCEEDS, surplus].append(path)
    for (check, privileges), paths in found.items():
        names = sorted(privileges)
        verb = "lacks" if check is Check.CONTROLLER_LACKS else "does not need"
        text = f"it {verb} {some(tuple(names))} on {some(tuple(sorted(paths)))}"
        yield Finding(check, vcenter, subject, text, {"privileges": names, "paths": sorted(paths)})


def _inherited(needs: Mapping[Entity, frozenset[str]], entity: Entity, survey: Survey) -> frozenset[str]:
    """What it needs for another place above or below: one permission that propagates serves both."""
    mine = set(survey.tree.lineage(entity.moid))
    beside: set[str] = set()
    for other, wanted in needs.items():
        if other.moid != survey.tree.root and (
            other.moid in mine or entity.moid in survey.tree.lineage(other.moid)
        ):
            beside |= wanted
    return frozenset(beside)


def _elsewhere(
    vcenter: VcenterId, subject: str, user: str, needs: Mapping[Entity, frozenset[str]], survey: Survey
) -> Iterator[Finding]:
    """Its own permissions on what is neither a place of need nor above one."""
    wanted = {moid for entity in needs for moid in survey.tree.lineage(entity.moid)}
    for entity, permission in _own(user, survey):
        if entity not in wanted:
            role = survey.roles.get(permission.role_id)
            where = survey.tree.path_of(entity) or entity
            text = f"it has the role {role.name if role else permission.role_id} on {where}"
            yield Finding(Check.CONTROLLER_ELSEWHERE, vcenter, subject, text, {"path": where})


def _own(user: str, survey: Survey) -> Iterator[tuple[Moid, Permission]]:
    wanted = canonical_user(user)
    for entity, permissions in sorted(survey.permissions.items()):
        for permission in permissions:
            if not permission.group and canonical_user(permission.principal) == wanted:
                yield entity, permission
