"""Managed object references as pyVmomi values."""

from pyVmomi.VmomiSupport import GetWsdlType

from broker.lab.soap.request import NAMESPACE
from broker.lab.world.inventory import Inventory
from broker.lab.world.values import VimValue


def reference(type_name: str, moid: str) -> VimValue:
    """The reference to an object of a WSDL type: `HostSystem`, `host-10`."""
    return GetWsdlType(NAMESPACE, type_name)(moid)


class References:
    """References to the entities of an inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def to(self, moid: str) -> VimValue:
        """The entity's reference. Raises KeyError."""
        return reference(self._inventory.type_name(moid), moid)
