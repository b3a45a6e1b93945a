"""AuthorizationManager as the wire sees it.

The dispatcher has checked the privileges that pyVmomi's tables name: of the method on the root folder, and
of its entity arguments on those. What more the API reference asks for is the permission model's business.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from pyVmomi import vim

from broker.lab.authorization.catalogue import Role
from broker.lab.authorization.events import AuthorizationEvents, EventDoor
from broker.lab.authorization.faults import as_faults
from broker.lab.authorization.model import Change, PermissionModel
from broker.lab.authorization.permissions import Permission
from broker.lab.soap.call import Call
from broker.lab.world.values import VimValue, moid_of

_VIEW = "System.View"
_API: VimValue = vim.AuthorizationManager


class Entities(Protocol):
    """What the manager asks the inventory."""

    def root(self) -> str:
        """The root folder."""
        ...

    def exists(self, moid: str) -> bool:
        """Whether the inventory holds it."""
        ...

    def name(self, moid: str) -> str:
        """What the entity is called."""
        ...

    def reference(self, moid: str) -> VimValue:
        """The reference to the entity."""
        ...


class Journal(Protocol):
    """Tells those who watch."""

    def note(self, moid: str, *paths: str) -> None:
        """These properties have new values."""
        ...

    def note_structure(self) -> None:
        """Rights came or went."""
        ...


class AuthorizationManager:
    """Roles, permissions, and questions about them."""

    vim_type = vim.AuthorizationManager
    moid = "AuthorizationManager"

    def __init__(
        self,
        model: PermissionModel,
        entities: Entities,
        user_of_session: Callable[[str], str | None],
        events: EventDoor,
        journal: Journal,
        role_lag_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`user_of_session` gives the user of a UserSession.key, None for no session.

        `role_lag_s`: how long after its answer an update of a role takes effect.
        """
        self._model = model
        self._entities = entities
        self._user_of_session = user_of_session
        self._journal = journal
        self._role_lag_s = role_lag_s
        self._events = AuthorizationEvents(
            events, lambda moid: (entities.name(moid), entities.reference(moid))
        )

    def AddAuthorizationRole(self, call: Call, *, name: str, privIds: list[str]) -> int:
        """Raises AlreadyExists, InvalidName, InvalidArgument."""
        with as_faults(self._entities.reference):
            role = self._model.add_role(name, privIds)
        self._events.role_added(call.user, role)
        self._roles_changed()
        return role.role_id

    def UpdateAuthorizationRole(self, call: Call, *, roleId: int, newName: str, privIds: list[str]) -> None:
        """Raises NotFound, InvalidName, AlreadyExists, InvalidArgument, NoPermission.

        Answers at once and takes effect after the lag, as the API reference warns.
        """
        with as_faults(self._entities.reference):
            before, after = self._model.revised_role(call.user, roleId, newName, privIds)

        def take_effect() -> None:
            self._model.put_role(after)
            self._events.role_updated(call.user, before, after)
            self._roles_changed()

        lag = self._role_lag_s()
        if lag > 0:
            timer = threading.Timer(lag, take_effect)
            timer.daemon = True
            timer.start()
        else:
            take_effect()

    def RemoveAuthorizationRole(self, call: Call, *, roleId: int, failIfUsed: bool) -> None:
        """Raises NotFound, RemoveFailed, InvalidArgument."""
        with as_faults(self._entities.reference):
            role, gone = self._model.remove_role(roleId, fail_if_used=failIfUsed)
        for permission in gone:
            self._events.permission_removed(call.user, permission)
        self._events.role_removed(call.user, role)
        self._roles_changed()

    def SetEntityPermissions(self, call: Call, *, entity: VimValue, permission: list[VimValue]) -> None:
        """One after the other, up to the first that is refused: no transaction spans them."""
        self._set_all(call, moid_of(entity), permission)

    def ResetEntityPermissions(self, call: Call, *, entity: VimValue, permission: list[VimValue]) -> None:
        """Set these, then take away all others; can end half done."""
        moid = moid_of(entity)
        kept = {wanted.holder for wanted in self._set_all(call, moid, permission)}
        for other in self._model.permissions_on(moid):
            if other.holder not in kept:
                self._remove(call, moid, other.principal, group=other.group)

    def RemoveEntityPermission(self, call: Call, *, entity: VimValue, user: str, isGroup: bool) -> None:
        """Raises NotFound, AuthMinimumAdminPermission, NoPermission."""
        self._remove(call, moid_of(entity), user, group=isGroup)

    def MergePermissions(self, call: Call, *, srcRoleId: int, dstRoleId: int) -> None:
        """Raises NotFound, AuthMinimumAdminPermission, NoPermission, InvalidArgument."""
        with as_faults(self._entities.reference):
            changes = self._model.merge_roles(call.user, srcRoleId, dstRoleId)
        for change in changes:
            self._told(call, change)

    def RetrieveEntityPermissions(self, call: Call, *, entity: VimValue, inherited: bool) -> list[VimValue]:  # noqa: ARG002 - the convention
        """Those on the entity; `inherited` adds what its ancestors propagate, the nearest per principal."""
        moid = moid_of(entity)
        found = self._model.permissions_reaching(moid) if inherited else self._model.permissions_on(moid)
        return [self._shown(permission) for permission in found]

    def RetrieveAllPermissions(self, call: Call) -> list[VimValue]:
        """Those on entities that the caller sees."""
        return self._visible(call, self._model.permissions())

    def RetrieveRolePermissions(self, call: Call, *, roleId: int) -> list[VimValue]:
        """Raises NotFound."""
        with as_faults(self._entities.reference):
            role = self._model.role(roleId)
        return self._visible(call, tuple(p for p in self._model.permissions() if p.role_id == role.role_id))

    def HasPrivilegeOnEntity(
        self,
        call: Call,  # noqa: ARG002 - the convention
        *,
        entity: VimValue,
        sessionId: str,
        privId: list[str],
    ) -> list[bool]:
        """About a session; nothing is held by one that is not there."""
        return self._held(self._user_of_session(sessionId), entity, privId)

    def HasPrivilegeOnEntities(
        self,
        call: Call,  # noqa: ARG002 - the convention
        *,
        entity: list[VimValue],
        sessionId: str,
        privId: list[str],
    ) -> list[VimValue]:
        """About a session, for many entities."""
        user = self._user_of_session(sessionId)
        return [self._availability(user, each, privId) for each in entity]

    def HasUserPrivilegeOnEntities(
        self,
        call: Call,  # noqa: ARG002 - the convention
        *,
        entities: list[VimValue],
        userName: str,
        privId: list[str],
    ) -> list[VimValue]:
        """About a user, groups included; what is no entity is looked up on the root folder."""
        return [self._availability(userName, each, privId) for each in entities]

    def FetchUserPrivilegeOnEntities(
        self,
        call: Call,  # noqa: ARG002 - the convention
        *,
        entities: list[VimValue],
        userName: str,
    ) -> list[VimValue]:
        """All that a user holds, groups included."""
        result = _API.UserPrivilegeResult
        return [
            result(entity=each, privileges=sorted(self._model.effective(userName, moid_of(each))))
            for each in entities
        ]

    def read_privilegeList(self, call: Call) -> VimValue:  # noqa: ARG002 - the convention
        """Every privilege."""
        known = self._model.catalogue.privileges.values()
        return _API.Privilege.Array(
            [
                _API.Privilege(privId=p.priv_id, onParent=p.on_parent, name=p.name, privGroupName=p.group)
                for p in known
            ]
        )

    def read_roleList(self, call: Call) -> VimValue:  # noqa: ARG002 - the convention
        """Every role."""
        return _API.Role.Array([_shown_role(role) for role in self._model.roles()])

    def read_description(self, call: Call) -> VimValue:  # noqa: ARG002 - the convention
        """Labels of privileges and of their groups."""
        known = self._model.catalogue.privileges.values()
        return vim.AuthorizationDescription(
            privilege=[_described(p.priv_id, p.name) for p in known],
            privilegeGroup=[_described(group, group) for group in sorted({p.group for p in known})],
        )

    def _set_all(self, call: Call, moid: str, wanted: list[VimValue]) -> list[Permission]:
        """Each for itself; a principal named twice ends with the last."""
        done = []
        with as_faults(self._entities.reference):
            self._model.require_modify(call.user, moid)
            for each in wanted:
                change = self._model.set_permission(call.user, _asked(moid, each))
                self._told(call, change)
                done.append(change.permission)
        return done

    def _remove(self, call: Call, moid: str, principal: str, *, group: bool) -> None:
        with as_faults(self._entities.reference):
            gone = self._model.remove_permission(call.user, moid, principal, group=group)
        self._events.permission_removed(call.user, gone)
        self._journal.note_structure()

    def _told(self, call: Call, change: Change) -> None:
        if change.permission == change.before:
            return
        before = self._with_role(change.before) if change.before else None
        self._events.permission_set(call.user, self._with_role(change.permission), before)
        self._journal.note_structure()

    def _with_role(self, permission: Permission) -> tuple[Permission, Role]:
        return permission, self._model.role(permission.role_id)

    def _roles_changed(self) -> None:
        self._journal.note(self.moid, "roleList")
        self._journal.note_structure()

    def _visible(self, call: Call, permissions: tuple[Permission, ...]) -> list[VimValue]:
        return [self._shown(p) for p in permissions if self._model.holds(call.user, p.entity, _VIEW)]

    def _shown(self, permission: Permission) -> VimValue:
        return _API.Permission(
            entity=self._entities.reference(permission.entity),
            principal=permission.principal,
            group=permission.group,
            roleId=permission.role_id,
            propagate=permission.propagate,
        )

    def _held(self, user: str | None, entity: VimValue, privileges: list[str]) -> list[bool]:
        moid = moid_of(entity)
        return [user is not None and self._model.holds(user, moid, each) for each in privileges]

    def _availability(self, user: str | None, entity: VimValue, privileges: list[str]) -> VimValue:
        """What is no entity is answered, as it is checked, on the root folder."""
        held = zip(privileges, self._held(user, entity, privileges), strict=True)
        if not self._entities.exists(moid_of(entity)):
            entity = self._entities.reference(self._entities.root())
        return _API.EntityPrivilege(
            entity=entity,
            privAvailability=[
                _API.PrivilegeAvailability(privId=each, isGranted=granted) for each, granted in held
            ],
        )


def _asked(moid: str, wanted: VimValue) -> Permission:
    """A permission as a caller sends it: the entity is the argument's, whatever the permission says."""
    return Permission(moid, wanted.principal, bool(wanted.group), wanted.roleId, bool(wanted.propagate))


def _shown_role(role: Role) -> VimValue:
    return _API.Role(
        roleId=role.role_id,
        system=role.system,
        name=role.name,
        info=vim.Description(label=role.label, summary=role.summary),
        privilege=sorted(role.privileges),
    )


def _described(key: str, label: str) -> VimValue:
    return vim.ElementDescription(key=key, label=label, summary=label)
