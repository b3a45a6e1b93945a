"""One look at a whole vCenter: what the controller plans on and compares with, and changes nothing by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from broker.model.names import Moid
from broker.model.principals import canonical_user
from broker.model.tree import Tree


@dataclass(frozen=True, slots=True)
class Role:
    """A role as vCenter lists it. `privileges` are without the three of every role (System.*)."""

    id: int
    name: str
    system: bool
    privileges: frozenset[str]


@dataclass(frozen=True, slots=True)
class Permission:
    """What a principal holds on one entity by a permission defined there, not inherited."""

    principal: str
    r"""As vCenter writes it: `DOMAIN\name`, or a bare name where there is no domain."""
    group: bool
    role_id: int
    propagate: bool


@dataclass(frozen=True)
class Survey:
    """Roles, permissions and inventory of one vCenter, read one right after the other.

    It holds what the controller's account may see: permissions on entities that it does not see
    are not in it, nor are global permissions, which the API keeps elsewhere.
    """

    instance_uuid: str
    roles: Mapping[int, Role]
    permissions: Mapping[Moid, tuple[Permission, ...]]
    """By the entity they are defined on, which may be no object of the tree (a virtual machine)."""
    tree: Tree

    def permission_of(self, entity: Moid, principal: str) -> Permission | None:
        """What is defined there for that user; a group of the same name is another principal."""
        return users_permission(self.permissions.get(entity, ()), principal)

    @cached_property
    def roles_by_name(self) -> Mapping[str, Role]:
        """The roles by their names, which are unique in a vCenter."""
        return {role.name: role for role in self.roles.values()}


def users_permission(permissions: Iterable[Permission], principal: str) -> Permission | None:
    r"""That user's permission, however it is written: `DOMAIN\user` and `user@domain` are one."""
    wanted = canonical_user(principal)
    return next((p for p in permissions if not p.group and canonical_user(p.principal) == wanted), None)
