"""UserDirectory: who exists, for clients that let people pick a principal."""

from typing import Any

from pyVmomi import vim

from broker.lab.soap.call import Call
from broker.lab.world.users import DOMAIN, Users


class UserDirectory:
    """The managed object. vCenter does not resolve memberships here, and neither does the lab."""

    vim_type = vim.UserDirectory
    moid = "UserDirectory"

    def __init__(self, users: Users) -> None:
        self._users = users

    def RetrieveUserGroups(
        self,
        call: Call,  # noqa: ARG002 - the convention
        *,
        domain: str | None,
        searchStr: str,
        belongsToGroup: str | None,  # noqa: ARG002 - see the class
        belongsToUser: str | None,  # noqa: ARG002 - see the class
        exactMatch: bool,
        findUsers: bool,
        findGroups: bool,
    ) -> list[Any]:
        """Principals whose name without domain contains, or is, the text. Raises NotFound for another domain."""
        if domain is not None and domain.lower() != DOMAIN.lower():
            raise vim.fault.NotFound
        named = [(each, False) for each in self._users.all() if findUsers]
        named += [(each, True) for each in self._users.all_groups() if findGroups]
        return [
            vim.UserSearchResult(principal=local, fullName=local, group=group)
            for local, group in ((name.rpartition("\\")[2], group) for name, group in named)
            if _matches(local.lower(), searchStr.lower(), exactMatch)
        ]

    def read_domainList(self, call: Call) -> list[str]:  # noqa: ARG002 - the convention
        """One domain."""
        return [DOMAIN]


def _matches(name: str, text: str, exact: bool) -> bool:  # noqa: FBT001 - the API's field
    return name == text if exact else text in name
