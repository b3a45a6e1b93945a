"""Users and groups as vCenter spells them."""

from typing import Protocol


class Principals(Protocol):
    r"""The directory. Names come and go in canonical form: `VSPHERE.LOCAL\svc-cim-a`."""

    def groups_of(self, user: str) -> frozenset[str]:
        """The groups of a user; none for an unknown user."""
        ...

    def exists(self, principal: str, is_group: bool) -> bool:  # noqa: FBT001 - the API's own distinction
        """Whether there is such a user, or such a group."""
        ...


def canonical(text: str) -> str:
    r"""`name@domain` and `domain\name` as `DOMAIN\name`; a bare name stays bare and so meets nobody.

    HasUserPrivilegeOnEntities documents both forms.
    """
    if "\\" in text:
        domain, _, name = text.partition("\\")
    elif "@" in text:
        name, _, domain = text.rpartition("@")
    else:
        return text
    return f"{domain.upper()}\\{name}"


def folded(text: str) -> str:
    """The form in which names are compared: directories ignore case."""
    return canonical(text).casefold()
