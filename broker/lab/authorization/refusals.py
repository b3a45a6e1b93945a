"""Why the permission model says no. The AuthorizationManager puts each into the fault of the API."""


class Refusal(Exception):
    """Base of all."""


class NameEmpty(Refusal):
    """A role needs a name."""


class NameTaken(Refusal):
    """Another role has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NoSuchRole(Refusal):
    """No role has this id."""


class NoSuchPermission(Refusal):
    """The principal has no permission on this very entity."""


class NoSuchPrincipal(Refusal):
    """No user or group has this name."""

    def __init__(self, principal: str) -> None:
        super().__init__(principal)
        self.principal = principal


class Unacceptable(Refusal):
    """An argument that is never accepted: unknown privilege, system role, part of a complex entity."""

    def __init__(self, argument: str) -> None:
        super().__init__(argument)
        self.argument = argument


class RoleInUse(Refusal):
    """The role stands in a permission."""


class LastAdministrator(Refusal):
    """The root folder keeps one Administrator, and an Administrator there gets no second permission."""


class Lacks(Refusal):
    """The caller does not hold, on this entity, what it wants to use or to hand on."""

    def __init__(self, entity: str, privileges: frozenset[str]) -> None:
        super().__init__(entity, sorted(privileges))
        self.entity = entity
        self.privileges = privileges
