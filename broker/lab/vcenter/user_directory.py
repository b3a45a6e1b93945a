"""UserDirectory: who exists, for clients that let people pick a principal."""

from pyVmomi import vim

from broker.lab.soap.call import Call
from broker.lab.world.users import DOMAIN, Users
from broker.lab.world.values import VimValue


class UserDirectory:
    """The managed object. vCenter does not resolve memberships here, and neither does the lab."""

    vim_type = vim.UserDirectory
    moid = "UserDirectory"

    def __init__(self, users: Users) -> None:
        self._users = users

    def RetrieveUserGroups(
        self,
        call: Call,
        *,
        domain: str | None,
        searchStr: str,
        belongsToGroup: str | None,
        belongsToUser: str | None,
        exactMatch: bool,
        findUsers: bool,
        findGroups: bool,
    ) -> list[VimValue]:
        """Principals whose bare name contains, or is, the text. Raises NotFound for another domain."""
        if domain is not None and domain.lower() != DOMAIN.lower():
            raise vim.fault.NotFound
        text = searchStr.lower()
        named = [(each, False) for each in self._users.all() if findUsers]
        named += [(each, True) for each in self._users.all_groups() if findGroups]
        return [
            vim.UserSearchResult(principal=local, fullName=local, group=group)
            for local, group in ((name.rpartition("\\")[2], group) for name, group in named)
            if (local.lower() == text if exactMatch else text in local.lower())
        ]

    def read_domainList(self, call: Call) -> list[str]:
        """One domain."""
        return [DOMAIN]
