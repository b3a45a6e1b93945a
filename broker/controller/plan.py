"""What one grant needs in vCenter, read and compared before anything is written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from broker.controller.site import Conflict, Site
from broker.model.applied import ScopeEntry
from broker.model.names import Moid
from broker.model.policy import Grant
from broker.model.principals import canonical_user, principal_of
from broker.model.survey import Permission, Role, users_permission
from broker.model.tree import Entity, Target
from broker.ports.administration import OwnPermission


@dataclass(frozen=True, slots=True)
class Step:
    """One permission to set. `previous` is ours and is replaced, or there is none."""

    entity: Entity
    wanted: Permission
    previous: Permission | None


@dataclass(frozen=True, slots=True)
class GrantPlan:
    """A grant, resolved, and the permissions that it still lacks."""

    grant: Grant
    principal: str
    role: Role
    targets: tuple[Target, ...]
    steps: tuple[Step, ...]

    def scope(self, instance_uuid: str) -> tuple[ScopeEntry, ...]:
        """What the scope's paths resolved to."""
        return tuple(ScopeEntry(t.path, instance_uuid, t.moid) for t in self.targets)


def plan_grant(site: Site, grant: Grant, user: str, role: Role) -> GrantPlan:
    """Raises ScopeUnresolved, Conflict, and what Administration and the store raise."""
    principal = principal_of(user)
    targets = tuple(site.tree.locate(path) for path in grant.scope)
    ours = _Ours(site)
    steps: list[Step] = []
    for target in {t.entity: t for t in targets}.values():
        wanted = Permission(principal, group=False, role_id=role.id, propagate=target.propagate)
        previous = users_permission(site.administration.permissions(target.entity), principal)
        if previous is None or not _same(previous, wanted):
            ours.check_replaceable(target, previous)
            steps.append(Step(target.entity, wanted, previous))
    return GrantPlan(grant, principal, role, targets, tuple(steps))


def collisions(plans: Sequence[GrantPlan]) -> dict[str, str]:
    """Grants that want different roles for one account on one entity: there is room for one."""
    wanting: dict[tuple[Moid, str], list[GrantPlan]] = defaultdict(list)
    for plan in plans:
        for moid in {target.entity.moid for target in plan.targets}:
            wanting[moid, canonical_user(plan.principal)].append(plan)
    found: dict[str, str] = {}
    for together in wanting.values():
        if len({plan.role.id for plan in together}) > 1:
            names = ", ".join(sorted(plan.grant.id for plan in together))
            found |= {
                p.grant.id: f"{names} want different templates for one account on one object"
                for p in together
            }
    return found


def _same(shown: Permission, wanted: Permission) -> bool:
    return (shown.role_id, shown.propagate) == (wanted.role_id, wanted.propagate)


class _Ours:
    """Which roles and permissions of one vCenter this broker made."""

    def __init__(self, site: Site) -> None:
        self._roles = {r.role_id for r in site.store.own_roles(site.instance_uuid)}
        self._permissions = {_key(p) for p in site.store.own_permissions(site.instance_uuid)}

    def check_replaceable(self, target: Target, previous: Permission | None) -> None:
        """Raises Conflict unless there is nothing, or something that we set and nobody changed."""
        if previous is None:
            return
        claimed = (target.entity.moid, canonical_user(previous.principal)) in self._permissions
        if not claimed or previous.role_id not in self._roles:
            raise Conflict(
                f"{target.path}: {previous.principal} has a permission there that is not ours "
                f"(role {previous.role_id}); remove it, or name another account"
            )


def _key(permission: OwnPermission) -> tuple[Moid, str]:
    return permission.entity, canonical_user(permission.principal)
