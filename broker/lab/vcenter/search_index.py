"""SearchIndex: an entity by path, name, address or uuid. What the caller may not see is not found."""

from collections.abc import Callable

from pyVmomi import vim, vmodl

from broker.lab.soap.call import Call
from broker.lab.vcenter.entities import Surroundings
from broker.lab.world.host import Host
from broker.lab.world.values import VimValue, moid_of


class SearchIndex:
    """The managed object."""

    vim_type = vim.SearchIndex
    moid = "SearchIndex"

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def FindByInventoryPath(self, call: Call, *, inventoryPath: str) -> VimValue:
        """`DC1/host/cluster-01/esx0001.lab.example`, `%2f` for a slash in a name; empty: the root folder."""
        moid: str | None = self._around.inventory.root()
        for part in [each for each in inventoryPath.split("/") if each]:
            moid = self._around.inventory.child_named(moid, part.replace("%2f", "/")) if moid else None
        return self._first(call, [moid] if moid else [])

    def FindChild(self, call: Call, *, entity: VimValue, name: str) -> VimValue:
        """The child of this name."""
        parent = moid_of(entity)
        if not self._around.inventory.exists(parent):
            raise vmodl.fault.ManagedObjectNotFound(obj=entity)
        moid = self._around.inventory.child_named(parent, name)
        return self._first(call, [moid] if moid else [])

    def FindByDnsName(self, call: Call, *, datacenter: VimValue, dnsName: str, vmSearch: bool) -> VimValue:
        """The first host of this name, in the datacenter if one is given."""
        return self._one(
            self.FindAllByDnsName(call, datacenter=datacenter, dnsName=dnsName, vmSearch=vmSearch)
        )

    def FindAllByDnsName(
        self, call: Call, *, datacenter: VimValue, dnsName: str, vmSearch: bool
    ) -> list[VimValue]:
        """All hosts of this name, in any case."""
        wanted = dnsName.lower()
        return [] if vmSearch else self._hosts(call, datacenter, lambda host: host.name.lower() == wanted)

    def FindByIp(self, call: Call, *, datacenter: VimValue, ip: str, vmSearch: bool) -> VimValue:
        """The first host with this address."""
        return self._one(self.FindAllByIp(call, datacenter=datacenter, ip=ip, vmSearch=vmSearch))

    def FindAllByIp(self, call: Call, *, datacenter: VimValue, ip: str, vmSearch: bool) -> list[VimValue]:
        """All hosts with this address."""
        return [] if vmSearch else self._hosts(call, datacenter, lambda host: host.address == ip)

    def FindByUuid(
        self, call: Call, *, datacenter: VimValue, uuid: str, vmSearch: bool, instanceUuid: bool | None
    ) -> VimValue:
        """The host with this hardware uuid."""
        return self._one(
            self.FindAllByUuid(
                call, datacenter=datacenter, uuid=uuid, vmSearch=vmSearch, instanceUuid=instanceUuid
            )
        )

    def FindAllByUuid(
        self,
        call: Call,
        *,
        datacenter: VimValue,
        uuid: str,
        vmSearch: bool,
        instanceUuid: bool | None,
    ) -> list[VimValue]:
        """All hosts with this hardware uuid; instanceUuid is for virtual machines."""
        if instanceUuid and not vmSearch:
            raise vmodl.fault.InvalidArgument(invalidProperty="instanceUuid")
        wanted = uuid.lower()
        return [] if vmSearch else self._hosts(call, datacenter, lambda host: host.uuid == wanted)

    def _hosts(self, call: Call, datacenter: VimValue, fits: Callable[[Host], bool]) -> list[VimValue]:
        found = [
            host.moid
            for host in self._around.inventory.hosts()
            if fits(host) and self._within(host, datacenter)
        ]
        return self._around.seen(call, found)

    def _within(self, host: Host, datacenter: VimValue) -> bool:
        if datacenter is None:
            return True
        return moid_of(datacenter) in (each.moid for each in self._around.inventory.path(host.moid))

    def _first(self, call: Call, moids: list[str]) -> VimValue:
        return self._one(self._around.seen(call, moids))

    @staticmethod
    def _one(found: list[VimValue]) -> VimValue:
        return found[0] if found else None
