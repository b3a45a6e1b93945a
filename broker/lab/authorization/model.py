"""The permission model of the simulated vCenter: what may be changed by whom, and who holds what.

Pure of the API's types: the AuthorizationManager translates. Behaviour: the vSphere API reference of
AuthorizationManager, and "vSphere Permissions and User Management Tasks" in the security guide.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from broker.lab.authorization.catalogue import ADMIN, SYSTEM_PRIVILEGES, UNASSIGNABLE, Catalogue, Role
from broker.lab.authorization.permissions import (
    Permission,
    PermissionStore,
    Tree,
    owner_of_part,
    reaching,
)
from broker.lab.authorization.principals import Principals, canonical, folded
from broker.lab.authorization.refusals import (
    Lacks,
    LastAdministrator,
    NoSuchPermission,
    NoSuchPrincipal,
    RoleInUse,
    Unacceptable,
)
from broker.lab.authorization.resolution import Resolver
from broker.lab.authorization.roles import RoleBook

MODIFY_PERMISSIONS = "Authorization.ModifyPermissions"


@dataclass(frozen=True, slots=True)
class Change:
    """A permission as it stands now, and as it stood."""

    permission: Permission
    before: Permission | None


class PermissionModel:
    r"""Roles and permissions over an inventory. Thread-safe; reading takes no lock.

    Names of users are taken as `DOMAIN\name` or `name@domain`. `actor` is always the calling user,
    who must hold what it hands on.
    """

    def __init__(self, tree: Tree, catalogue: Catalogue, principals: Principals) -> None:
        self.catalogue = catalogue
        self._tree = tree
        self._principals = principals
        self._roles = RoleBook(catalogue)
        self._store = PermissionStore()
        self._resolver = Resolver(tree, self._store, self._roles, principals)
        self._lock = threading.RLock()

    def effective(self, user: str, moid: str) -> frozenset[str]:
        """All that `user` holds on the entity; what is no entity counts as the root folder."""
        return self._resolver.effective(user, moid if self._tree.exists(moid) else self._tree.root())

    def holds(self, user: str, moid: str, privilege: str) -> bool:
        """Whether `user` holds the privilege there, or on the parent for an `onParent` privilege."""
        known = self.catalogue.privileges.get(privilege)
        if known is not None and known.on_parent:
            moid = (self._tree.parent(moid) if self._tree.exists(moid) else None) or self._tree.root()
        return privilege in self.effective(user, moid)

    def roles(self) -> tuple[Role, ...]:
        """All roles, by id."""
        with self._lock:
            return self._roles.all()

    def role(self, role_id: int) -> Role:
        """Raises NoSuchRole."""
        with self._lock:
            return self._roles.get(role_id)

    def permissions(self) -> tuple[Permission, ...]:
        """Every permission."""
        with self._lock:
            return self._store.all()

    def permissions_on(self, entity: str) -> tuple[Permission, ...]:
        """Those defined on this very entity."""
        return self._store.on(entity)

    def permissions_reaching(self, entity: str) -> tuple[Permission, ...]:
        """Those of the entity and of its ancestors, the nearest for each holder."""
        nearest: dict[tuple[str, bool], Permission] = {}
        for level in reaching(self._tree, self._store, entity):
            for permission in level:
                nearest.setdefault(permission.holder, permission)
        return tuple(nearest.values())

    def add_role(self, name: str, privileges: Iterable[str]) -> Role:
        """Raises NameEmpty, NameTaken, Unacceptable("privIds")."""
        with self._lock:
            return self._roles.add(name, privileges)

    def revised_role(
        self, actor: str, role_id: int, name: str, privileges: Iterable[str]
    ) -> tuple[Role, Role]:
        """The role as it is, and as `put_role` would keep it.

        The caller must hold on the root folder what is added or taken away (Lacks). Raises as
        `add_role` does, and NoSuchRole, Unacceptable("roleId") for a system role.
        """
        with self._lock:
            before = self._roles.own(role_id)
            after = self._roles.changed(role_id, name, privileges)
            self._require(actor, self._tree.root(), before.privileges ^ after.privileges)
            return before, after

    def put_role(self, revised: Role) -> None:
        """Let a revised role take effect; one that was removed meanwhile stays removed."""
        with self._lock:
            self._roles.put(revised)
            self._resolver.forget()

    def remove_role(self, role_id: int, *, fail_if_used: bool) -> tuple[Role, tuple[Permission, ...]]:
        """The role and the permissions that went with it. Raises NoSuchRole, Unacceptable, RoleInUse."""
        with self._lock:
            role = self._roles.own(role_id)
            used = tuple(p for p in self._store.all() if p.role_id == role_id)
            if used and fail_if_used:
                raise RoleInUse
            self._store.remove(used)
            self._roles.remove(role_id)
            self._resolver.forget()
            return role, used

    def set_permission(self, actor: str, wanted: Permission) -> Change:
        """Add the holder's permission on the entity, or put it in place of the one it has there.

        Raises Lacks, Unacceptable("entity" | "roleId"), NoSuchRole, NoSuchPrincipal, LastAdministrator.
        """
        with self._lock:
            self._require_modify(actor, wanted.entity)
            role = self._assignable(wanted)
            self._require(actor, wanted.entity, role.privileges)
            wanted = replace(wanted, principal=canonical(wanted.principal))
            before = self._store.of(wanted.entity, wanted.holder)
            self._keep_administrator(before, wanted)
            self._refuse_second_for_administrator(wanted)
            self._store.put(wanted)
            self._resolver.forget()
            return Change(wanted, before)

    def remove_permission(self, actor: str, entity: str, principal: str, *, group: bool) -> Permission:
        """The permission that was taken away. Raises Lacks, NoSuchPermission, LastAdministrator."""
        with self._lock:
            self._require_modify(actor, entity)
            found = self._store.of(entity, (folded(principal), group))
            if found is None:
                raise NoSuchPermission
            self._require(actor, entity, self._roles.privileges(found.role_id))
            self._keep_administrator(found, None)
            self._store.remove([found])
            self._resolver.forget()
            return found

    def merge_roles(self, actor: str, source: int, target: int) -> tuple[Change, ...]:
        """Put `target` in place of `source` in every permission.

        Raises NoSuchRole, Unacceptable, LastAdministrator, and Lacks unless the caller holds all
        privileges of both roles on the root folder.
        """
        with self._lock:
            both = self._roles.get(source).privileges | self._roles.get(target).privileges
            if target in UNASSIGNABLE:
                raise Unacceptable("dstRoleId")
            self._require(actor, self._tree.root(), both)
            held = [p for p in self._store.all() if p.role_id == source]
            changes = tuple(Change(replace(p, role_id=target), p) for p in held)
            for change in changes:
                self._keep_administrator(change.before, change.permission)
            for change in changes:
                self._store.put(change.permission)
            self._resolver.forget()
            return changes

    def require_modify(self, actor: str, entity: str) -> None:
        """Raises Lacks unless `actor` may change permissions there: on the entity and on its parent."""
        with self._lock:
            self._require_modify(actor, entity)

    def seed(self, permission: Permission) -> None:
        """Put a permission in place before anybody is there to do it."""
        with self._lock:
            self._store.put(replace(permission, principal=canonical(permission.principal)))
            self._resolver.forget()

    def _require_modify(self, actor: str, entity: str) -> None:
        for place in (entity, self._tree.parent(entity)):
            if place is not None:
                self._require(actor, place, frozenset({MODIFY_PERMISSIONS}))

    def _require(self, actor: str, entity: str, privileges: frozenset[str]) -> None:
        missing = privileges - SYSTEM_PRIVILEGES - self.effective(actor, entity)
        if missing:
            raise Lacks(entity, missing)

    def _assignable(self, wanted: Permission) -> Role:
        if owner_of_part(self._tree, wanted.entity) is not None:
            raise Unacceptable("entity")
        role = self._roles.get(wanted.role_id)
        if wanted.role_id in UNASSIGNABLE:
            raise Unacceptable("roleId")
        if not self._principals.exists(canonical(wanted.principal), wanted.group):
            raise NoSuchPrincipal(wanted.principal)
        return role

    def _keep_administrator(self, before: Permission | None, after: Permission | None) -> None:
        """The change must leave one propagating Administrator on the root folder."""
        if before is None or not self._is_root_administrator(before):
            return
        if after is not None and self._is_root_administrator(after):
            return
        if not any(p != before and self._is_root_administrator(p) for p in self._store.on(before.entity)):
            raise LastAdministrator

    def _refuse_second_for_administrator(self, wanted: Permission) -> None:
        at_root = self._store.of(self._tree.root(), wanted.holder)
        if wanted.entity != self._tree.root() and at_root and self._is_root_administrator(at_root):
            raise LastAdministrator

    def _is_root_administrator(self, permission: Permission) -> bool:
        return permission.entity == self._tree.root() and permission.role_id == ADMIN and permission.propagate
