"""The single sign-on domain of the lab: users, passwords, groups."""

import hmac
import threading
from collections.abc import Mapping

DOMAIN = "VSPHERE.LOCAL"
ADMINISTRATORS = rf"{DOMAIN}\Administrators"


class Users:
    r"""Users by the form that currentSession shows, `VSPHERE.LOCAL\\name`. Thread-safe.

    Names are accepted as `name@vsphere.local` and `VSPHERE.LOCAL\\name`, in any case.
    """

    def __init__(
        self, passwords: Mapping[str, str], groups: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self._passwords = {rf"{DOMAIN}\{name}": secret for name, secret in passwords.items()}
        self._lower = {each.lower(): each for each in self._passwords}
        members = {"Administrators": frozenset({"administrator"}), **(groups or {})}
        self._groups = {
            rf"{DOMAIN}\{group}": frozenset(rf"{DOMAIN}\{name}" for name in names)
            for group, names in members.items()
        }
        self._lower_groups = {each.lower(): each for each in self._groups}
        self._lock = threading.Lock()

    def canonical(self, name: str) -> str | None:
        """The user's one name, None for nobody."""
        return self._lower.get(_with_domain(name))

    def canonical_group(self, name: str) -> str | None:
        """The group's one name, None for none."""
        return self._lower_groups.get(_with_domain(name))

    def groups_of(self, user: str) -> frozenset[str]:
        """The groups that a user, in any spelling, belongs to."""
        known = self.canonical(user)
        return frozenset(group for group, members in self._groups.items() if known in members)

    def exists(self, principal: str, is_group: bool) -> bool:  # noqa: FBT001 - the API's distinction
        """Whether a user or group of this name is known."""
        return (self.canonical_group(principal) if is_group else self.canonical(principal)) is not None

    def password_fits(self, user: str, password: str) -> bool:
        """Whether it is the password of this canonical user."""
        with self._lock:
            known = self._passwords[user]
        return hmac.compare_digest(known.encode(), password.encode(errors="surrogateescape"))

    def change_password(self, user: str, new: str) -> None:
        """From now on the user logs in with `new`; sessions live on. Raises KeyError for nobody."""
        known = self.canonical(user)
        if known is None:
            raise KeyError(user)
        with self._lock:
            self._passwords[known] = new

    def all(self) -> list[str]:
        """All users."""
        return sorted(self._passwords)

    def all_groups(self) -> list[str]:
        """All groups."""
        return sorted(self._groups)


def _with_domain(name: str) -> str:
    local, at, domain = name.rpartition("@")
    full = rf"{domain}\{local}" if at else name
    return full.lower()
