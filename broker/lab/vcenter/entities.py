"""What holds hosts: folders, datacenters, clusters, stand-alone compute resources; and resource pools."""

from collections.abc import Iterable
from typing import ClassVar, Protocol

from pyVmomi import vim
from pyVmomi.VmomiSupport import GetWsdlType

from broker.lab.soap.call import Call
from broker.lab.soap.gate import VIEW, Gate
from broker.lab.soap.request import NAMESPACE
from broker.lab.vcenter.references import References
from broker.lab.world.inventory import ROOT, Entity, Inventory
from broker.lab.world.values import VimValue


class PermissionLister(Protocol):
    """What an entity asks the AuthorizationManager."""

    def RetrieveEntityPermissions(self, call: Call, *, entity: VimValue, inherited: bool) -> list[VimValue]:
        """Permissions defined on the entity."""
        ...


class Surroundings:
    """What every entity needs: the tree, references into it, and what the caller may see of it."""

    def __init__(self, inventory: Inventory, gate: Gate, permissions: PermissionLister) -> None:
        self.inventory = inventory
        self.references = References(inventory)
        self.permissions = permissions
        self._gate = gate

    def seen(self, call: Call, moids: Iterable[str]) -> list[VimValue]:
        """References to those that the caller may see."""
        return [self.references.to(moid) for moid in moids if self._gate.holds(call, moid, VIEW)]

    def children(self, call: Call, moid: str, *types: str) -> list[VimValue]:
        """The visible children of these WSDL types; of all types where none is named."""
        found = self.inventory.children(moid)
        return self.seen(
            call, [each for each in found if not types or self.inventory.type_name(each) in types]
        )


class EntityObject:
    """What all entities share."""

    def __init__(self, entity: Entity, around: Surroundings) -> None:
        self.moid = entity.moid
        self.vim_type = GetWsdlType(NAMESPACE, entity.type_name)
        self._entity = entity
        self._around = around

    def read_name(self, call: Call) -> str:
        """Its name, unique among its siblings."""
        return self._entity.name

    def read_parent(self, call: Call) -> VimValue:
        """The entity above; unset for the root folder."""
        parent = self._entity.parent
        return self._around.references.to(parent) if parent else None

    def read_overallStatus(self, call: Call) -> VimValue:
        """Always well."""
        return vim.ManagedEntity.Status.green

    read_configStatus = read_overallStatus

    def read_permission(self, call: Call) -> list[VimValue]:
        """Permissions defined on this entity."""
        reference = self.vim_type(self.moid)
        return self._around.permissions.RetrieveEntityPermissions(call, entity=reference, inherited=False)

    def read_value(self, call: Call) -> list[VimValue]:
        """Empty, as on a vCenter where nobody set it."""
        return []

    read_customValue = read_availableField = read_tag = read_recentTask = read_value
    read_declaredAlarmState = read_triggeredAlarmState = read_configIssue = read_value

    def read_alarmActionsEnabled(self, call: Call) -> bool:
        """As vCenter sets it for a new entity."""
        return True


class FolderObject(EntityObject):
    """A folder of datacenters, compute resources, or what a lab has none of."""

    _KINDS: ClassVar = {
        "group-v": "VirtualMachine",
        "group-h": "ComputeResource",
        "group-s": "Datastore",
        "group-n": "Network",
    }

    def read_childEntity(self, call: Call) -> list[VimValue]:
        """The visible children."""
        return self._around.children(call, self.moid)

    def read_childType(self, call: Call) -> list[str]:
        """What may be put in."""
        if self.moid == ROOT:
            return ["Folder", "Datacenter"]
        return ["Folder", self._KINDS[self.moid.rstrip("0123456789")]]


class DatacenterObject(EntityObject):
    """A datacenter and its four folders."""

    def read_vmFolder(self, call: Call) -> VimValue:
        """The folder named `vm`."""
        return self._folder("vm")

    def read_hostFolder(self, call: Call) -> VimValue:
        """The folder named `host`."""
        return self._folder("host")

    def read_datastoreFolder(self, call: Call) -> VimValue:
        """The folder named `datastore`."""
        return self._folder("datastore")

    def read_networkFolder(self, call: Call) -> VimValue:
        """The folder named `network`."""
        return self._folder("network")

    def read_datastore(self, call: Call) -> list[VimValue]:
        """None."""
        return []

    read_network = read_datastore

    def _folder(self, name: str) -> VimValue:
        moid = self._around.inventory.child_named(self.moid, name)
        return self._around.references.to(moid) if moid else None


class ComputeObject(EntityObject):
    """A cluster, or the compute resource that a stand-alone host is part of."""

    def read_host(self, call: Call) -> list[VimValue]:
        """The visible hosts."""
        return self._around.children(call, self.moid, "HostSystem")

    def read_resourcePool(self, call: Call) -> VimValue:
        """The root resource pool."""
        return next(iter(self._around.children(call, self.moid, "ResourcePool")), None)

    def read_datastore(self, call: Call) -> list[VimValue]:
        """None."""
        return []

    read_network = read_datastore

    def read_summary(self, call: Call) -> VimValue:
        """How many hosts there are, and how many of them are connected."""
        inventory = self._around.inventory
        hosts = [
            inventory.host(moid)
            for moid in inventory.children(self.moid)
            if inventory.type_name(moid) == "HostSystem"
        ]
        cluster = self.vim_type is vim.ClusterComputeResource
        kind: VimValue = vim.ClusterComputeResource.Summary if cluster else vim.ComputeResource.Summary
        return kind(
            totalCpu=4000 * 16 * len(hosts),
            totalMemory=256 * 2**30 * len(hosts),
            numCpuCores=16 * len(hosts),
            numCpuThreads=32 * len(hosts),
            effectiveCpu=4000 * 16 * len(hosts),
            effectiveMemory=256 * 2**10 * len(hosts),
            numHosts=len(hosts),
            numEffectiveHosts=sum(host.connection == "connected" for host in hosts),
            overallStatus=vim.ManagedEntity.Status.green,
        )


class PoolObject(EntityObject):
    """The root resource pool of a compute resource."""

    def read_owner(self, call: Call) -> VimValue:
        """The compute resource."""
        return self._around.references.to(str(self._entity.parent))

    def read_resourcePool(self, call: Call) -> list[VimValue]:
        """No pools within."""
        return []

    read_vm = read_resourcePool


_CLASSES: dict[str, type[EntityObject]] = {
    "Folder": FolderObject,
    "Datacenter": DatacenterObject,
    "ClusterComputeResource": ComputeObject,
    "ComputeResource": ComputeObject,
    "ResourcePool": PoolObject,
}


def entity_object(entity: Entity, around: Surroundings) -> EntityObject:
    """The managed object for any entity but a host."""
    return _CLASSES[entity.type_name](entity, around)
