"""What the event log says about roles and permissions."""

from collections.abc import Callable
from typing import Protocol

from pyVmomi import vim

from broker.lab.authorization.catalogue import Role
from broker.lab.authorization.permissions import Permission
from broker.lab.world.values import VimValue


class EventDoor(Protocol):
    """Where events go."""

    def post(self, event: VimValue) -> None:
        """Keep the event; key and time are filled in there."""
        ...


class AuthorizationEvents:
    """Posts Role*Event and Permission*Event, with the user who did it."""

    def __init__(self, door: EventDoor, entity_of: Callable[[str], tuple[str, VimValue]]) -> None:
        """`entity_of` gives an entity's name and reference."""
        self._door = door
        self._entity_of = entity_of

    def role_added(self, user: str, role: Role) -> None:
        """AddAuthorizationRole."""
        event = vim.event.RoleAddedEvent(role=_argument(role), privilegeList=sorted(role.privileges))
        self._post(event, user, f"New role {role.name} created")

    def role_updated(self, user: str, before: Role, after: Role) -> None:
        """UpdateAuthorizationRole."""
        event = vim.event.RoleUpdatedEvent(
            role=_argument(after),
            privilegeList=sorted(after.privileges),
            prevRoleName=before.name,
            privilegesAdded=sorted(after.privileges - before.privileges),
            privilegesRemoved=sorted(before.privileges - after.privileges),
        )
        self._post(event, user, f"Role modified: previous name {before.name}, new name {after.name}")

    def role_removed(self, user: str, role: Role) -> None:
        """RemoveAuthorizationRole."""
        self._post(vim.event.RoleRemovedEvent(role=_argument(role)), user, f"Role {role.name} removed")

    def permission_set(
        self, user: str, now: tuple[Permission, Role], before: tuple[Permission, Role] | None
    ) -> None:
        """A permission that was added, or changed from `before`."""
        permission, role = now
        facts = self._facts(permission) | {"role": _argument(role), "propagate": permission.propagate}
        if before is None:
            self._post(
                vim.event.PermissionAddedEvent(**facts),
                user,
                f"Permission created for {permission.principal}",
            )
            return
        previous, previous_role = before
        event = vim.event.PermissionUpdatedEvent(
            **facts, prevRole=_argument(previous_role), prevPropagate=previous.propagate
        )
        self._post(event, user, f"Permission changed for {permission.principal}")

    def permission_removed(self, user: str, permission: Permission) -> None:
        """A permission that is gone."""
        event = vim.event.PermissionRemovedEvent(**self._facts(permission))
        self._post(event, user, f"Permission rule removed for {permission.principal}")

    def _facts(self, permission: Permission) -> dict[str, VimValue]:
        name, reference = self._entity_of(permission.entity)
        entity = vim.event.ManagedEntityEventArgument(entity=reference, name=name)
        return {"entity": entity, "principal": permission.principal, "group": permission.group}

    def _post(self, event: VimValue, user: str, message: str) -> None:
        event.userName = user
        event.fullFormattedMessage = message
        self._door.post(event)


def _argument(role: Role) -> VimValue:
    return vim.event.RoleEventArgument(roleId=role.role_id, name=role.name)
