"""Managed object references as pyVmomi values."""

from typing import Any

from pyVmomi.VmomiSupport import GetWsdlType

from broker.lab.soap.request import NAMESPACE
from broker.lab.world.inventory import Inventory


def reference(type_name: str, moid: str) -> Any:  # noqa: ANN401 - a pyVmomi reference
    """The reference to an object of a WSDL type: `HostSystem`, `host-10`."""
    return GetWsdlType(NAMESPACE, type_name)(moid)


def moid_of(ref: Any) -> str:  # noqa: ANN401 - a pyVmomi reference
    """The id in a reference."""
    return str(ref._GetMoId())  # noqa: SLF001 - pyVmomi's documented way to the id


class References:
    """References to the entities of an inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def to(self, moid: str) -> Any:  # noqa: ANN401 - a pyVmomi reference
        """The entity's reference. Raises KeyError."""
        return reference(self._inventory.type_name(moid), moid)
