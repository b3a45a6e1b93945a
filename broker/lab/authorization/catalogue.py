"""The privileges of a vCenter 8 or 9 and its built-in roles.

Ids of privileges and roles: govmomi, simulator/esx/authorization_manager.go (captured from a real
AuthorizationManager). No public list tells `onParent` for each privilege, so none is claimed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

SYSTEM_PRIVILEGES = frozenset({"System.Anonymous", "System.View", "System.Read"})
"""AuthorizationManager.AddAuthorizationRole adds them to every role."""

ADMIN, READ_ONLY, VIEW, ANONYMOUS, NO_ACCESS = -1, -2, -3, -4, -5
NO_CRYPTO_ADMIN, TRUSTED_ADMIN, NO_TRUSTED_ADMIN = -6, -7, -8

UNASSIGNABLE = frozenset({VIEW, ANONYMOUS})
"""They say what holds without a permission, and stand in none (InvalidArgument)."""

_CRYPTO_SIDE_DOORS = frozenset(
    {
        "Global.Diagnostics",
        "Host.Inventory.AddHostToCluster",
        "Host.Inventory.AddStandaloneHost",
        "Host.Local.ManageUserGroups",
        "VirtualMachine.Interact.GuestControl",
    }
)


@dataclass(frozen=True, slots=True)
class Privilege:
    """One entry of AuthorizationManager.privilegeList."""

    priv_id: str
    on_parent: bool = False

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.priv_id.rpartition(".")[2]

    @property
    def group(self) -> str:
        """The id without its last part."""
        return self.priv_id.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of privileges; `system` roles have ids below zero and never change."""

    role_id: int
    name: str
    label: str
    summary: str
    privileges: frozenset[str]

    @property
    def system(self) -> bool:
        """Whether it is built in."""
        return self.role_id < 0


class Catalogue:
    """All privileges by id."""

    def __init__(self, privileges: Iterable[Privilege]) -> None:
        self.privileges = MappingProxyType({privilege.priv_id: privilege for privilege in privileges})
        self.ids = frozenset(self.privileges)

    @classmethod
    def shipped(cls) -> "Catalogue":
        """The 482 privileges of the list beside this module."""
        text = resources.files(__package__).joinpath("privileges.txt").read_text(encoding="ascii")
        return cls(Privilege(line) for line in text.splitlines())

    def built_in_roles(self) -> tuple[Role, ...]:
        """The eight system roles."""
        trusted = frozenset(p for p in self.ids if p.startswith(("TrustedAdmin.", "Host.Tpm.")))
        crypto = frozenset(p for p in self.ids if p.startswith("Cryptographer.")) | _CRYPTO_SIDE_DOORS
        anonymous, view = frozenset({"System.Anonymous"}), frozenset({"System.Anonymous", "System.View"})
        return (
            Role(NO_TRUSTED_ADMIN, "NoTrustedAdmin", "No Trusted Infrastructure administrator",
                 "Full access without Trusted Infrastructure privileges", self.ids - trusted),
            Role(TRUSTED_ADMIN, "TrustedAdmin", "Trusted Infrastructure administrator",
                 "Setup and monitoring of Trusted Infrastructure", trusted | SYSTEM_PRIVILEGES),
            Role(NO_CRYPTO_ADMIN, "NoCryptoAdmin", "No cryptography administrator",
                 "Full access without Cryptographic operations and Trusted Infrastructure privileges",
                 self.ids - trusted - crypto),
            Role(NO_ACCESS, "NoAccess", "No access", "Used for restricting granted access", anonymous),
            Role(ANONYMOUS, "Anonymous", "Anonymous", "Not logged-in user (cannot be granted)", anonymous),
            Role(VIEW, "View", "View", "Visibility access (cannot be granted)", view),
            Role(READ_ONLY, "ReadOnly", "Read-only", "See details of objects, but not make changes",
                 SYSTEM_PRIVILEGES),
            Role(ADMIN, "Admin", "Administrator", "Full access rights", self.ids),
        )  # fmt: skip
