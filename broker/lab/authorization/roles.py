"""The roles of the simulated vCenter."""

from collections.abc import Iterable
from dataclasses import replace

from broker.lab.authorization.catalogue import SYSTEM_PRIVILEGES, Catalogue, Role
from broker.lab.authorization.refusals import NameEmpty, NameTaken, NoSuchRole, Unacceptable

FIRST_OWN_ID = 1001
"""Ids of user-defined roles grow and are never used again."""


class RoleBook:
    """Built-in and user-defined roles. Not thread-safe: the model locks."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._roles = {role.role_id: role for role in catalogue.built_in_roles()}
        self._next_id = FIRST_OWN_ID

    def all(self) -> tuple[Role, ...]:
        """In order of their ids."""
        return tuple(sorted(self._roles.values(), key=lambda role: role.role_id))

    def get(self, role_id: int) -> Role:
        """Raises NoSuchRole."""
        try:
            return self._roles[role_id]
        except KeyError:
            raise NoSuchRole from None

    def privileges(self, role_id: int) -> frozenset[str]:
        """What the role holds; nothing for a role that is gone."""
        role = self._roles.get(role_id)
        return role.privileges if role else frozenset()

    def add(self, name: str, privileges: Iterable[str]) -> Role:
        """Raises NameEmpty, NameTaken, Unacceptable("privIds")."""
        self._check_name(name)
        role = Role(self._next_id, name, name, "", self._complete(privileges))
        self._next_id += 1
        self._roles[role.role_id] = role
        return role

    def changed(self, role_id: int, name: str, privileges: Iterable[str]) -> Role:
        """The role as `put` would keep it. Raises as `add` does, and NoSuchRole, Unacceptable("roleId")."""
        role = self.own(role_id)
        if name != role.name:
            self._check_name(name)
        return replace(role, name=name, label=name, privileges=self._complete(privileges))

    def put(self, role: Role) -> None:
        """Keep a changed role, unless it was removed meanwhile."""
        if role.role_id in self._roles:
            self._roles[role.role_id] = role

    def remove(self, role_id: int) -> None:
        """Forget the role."""
        del self._roles[role_id]

    def own(self, role_id: int) -> Role:
        """A role that may be changed. Raises NoSuchRole, Unacceptable("roleId") for a system role."""
        role = self.get(role_id)
        if role.system:
            raise Unacceptable("roleId")
        return role

    def _complete(self, privileges: Iterable[str]) -> frozenset[str]:
        asked = frozenset(privileges)
        if not asked <= self._catalogue.ids:
            raise Unacceptable("privIds")
        return asked | SYSTEM_PRIVILEGES

    def _check_name(self, name: str) -> None:
        if not name.strip():
            raise NameEmpty
        if any(role.name == name for role in self._roles.values()):
            raise NameTaken(name)
