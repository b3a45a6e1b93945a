"""Login and privilege, asked before anything runs or is read."""

from typing import Protocol

from pyVmomi import vim
from pyVmomi.VmomiSupport import ManagedObject as Reference

from broker.lab.soap.call import Call, ManagedObject
from broker.lab.world.values import VimValue, moid_of

ANONYMOUS = "System.Anonymous"
READ = "System.Read"
VIEW = "System.View"


class Permissions(Protocol):
    """What the gate asks the permission model."""

    def holds(self, user: str, moid: str, privilege: str) -> bool:
        """Whether the user holds the privilege on the entity, groups and propagation included."""
        ...


class Entities(Protocol):
    """What the gate asks the inventory."""

    def root(self) -> str:
        """The moid of the root folder."""
        ...

    def exists(self, moid: str) -> bool:
        """Whether a managed entity has this moid."""
        ...


class Gate:
    """NotAuthenticated without a session, NoPermission without the privilege; silent otherwise.

    A privilege on something that is no managed entity is asked for on the root folder, or on the entity
    that a managed object names as its `entity_moid` (a host's service system: the host).
    """

    def __init__(self, permissions: Permissions, entities: Entities) -> None:
        self._permissions = permissions
        self._entities = entities

    def entity_of(self, managed: ManagedObject) -> str:
        """The moid of the entity on which privileges for `managed` are checked."""
        named = getattr(managed, "entity_moid", None)
        if named is not None:
            return str(named)
        return managed.moid if self._entities.exists(managed.moid) else self._entities.root()

    def is_entity(self, managed: ManagedObject) -> bool:
        """Whether `managed` is an entity of the inventory or speaks for one."""
        return hasattr(managed, "entity_moid") or self._entities.exists(managed.moid)

    def holds(self, call: Call, entity_moid: str, privilege: str) -> bool:
        """Whether the call would pass."""
        if privilege == ANONYMOUS:
            return True
        return call.session is not None and self._permissions.holds(call.user, entity_moid, privilege)

    def require(self, call: Call, managed: ManagedObject, privilege: str) -> None:
        """Raises NotAuthenticated or NoPermission."""
        reference = managed.vim_type(managed.moid)
        self._require(call, self.entity_of(managed), privilege, reference)

    def require_on(self, call: Call, reference: VimValue, privilege: str) -> None:
        """The same for an object that an argument names."""
        moid = moid_of(reference)
        entity = moid if self._entities.exists(moid) else self._entities.root()
        self._require(call, entity, privilege, reference)

    def _require(self, call: Call, entity_moid: str, privilege: str, reference: VimValue) -> None:
        if self.holds(call, entity_moid, privilege):
            return
        kind = vim.fault.NoPermission if call.session else vim.fault.NotAuthenticated
        raise denial(kind, reference, privilege)


def denial(kind: VimValue, reference: VimValue, privilege: str) -> VimValue:
    """The fault, with what vCenter says in it: object and privilege, and since 7.0.3.2 the missing ones."""
    missing = vim.fault.NoPermission.EntityPrivileges(entity=reference, privilegeIds=[privilege])
    return kind(object=reference, privilegeId=privilege, missingPrivileges=[missing])


def references_in(value: VimValue) -> list[VimValue]:
    """The managed object references that an argument holds directly."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, Reference)]
