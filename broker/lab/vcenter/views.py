"""ViewManager and ContainerView."""

import uuid
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetWsdlType

from broker.lab.soap.call import Call
from broker.lab.soap.registry import Registry
from broker.lab.soap.request import NAMESPACE
from broker.lab.vcenter.entities import Surroundings
from broker.lab.vcenter.references import moid_of
from broker.lab.world.inventory import Inventory


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the client asked a view of."""

    container: Any
    types: list[Any]
    recursive: bool


class ContainerView:
    """What lies in a container, as far as the session may see it; lives as long as the session."""

    vim_type = vim.view.ContainerView

    def __init__(
        self, moid: str, asked: _Asked, contents: list[str], around: Surroundings, registry: Registry
    ) -> None:
        self.moid = moid
        self._asked = asked
        self._contents = contents
        self._around = around
        self._registry = registry

    def DestroyView(self, call: Call) -> None:
        """The session needs it no longer."""
        if call.session is not None:
            self._registry.remove_from_session(call.session.key, self.moid)

    def read_view(self, call: Call) -> list[Any]:
        """The visible members."""
        return self._around.seen(call, self._contents)

    def read_container(self, call: Call) -> Any:  # noqa: ANN401, ARG002 - a pyVmomi reference; the convention
        """Where it looks."""
        return self._asked.container

    def read_type(self, call: Call) -> list[str]:  # noqa: ARG002 - the convention
        """What it looks for."""
        return [each._wsdlName for each in self._asked.types]  # noqa: SLF001 - pyVmomi's name of a type

    def read_recursive(self, call: Call) -> bool:  # noqa: ARG002 - the convention
        """Whether it looks further down."""
        return self._asked.recursive


class ViewManager:
    """Makes views."""

    vim_type = vim.view.ViewManager
    moid = "ViewManager"

    def __init__(self, around: Surroundings, registry: Registry) -> None:
        self._around = around
        self._registry = registry

    def CreateContainerView(self, call: Call, *, container: Any, type: list[Any], recursive: bool) -> Any:  # noqa: A002, ANN401
        """A view of what lies in a folder, datacenter or compute resource. Raises ManagedObjectNotFound."""
        key = call.session.key if call.session else ""
        if not self._around.inventory.exists(moid_of(container)):
            raise vmodl.fault.ManagedObjectNotFound(obj=container)
        moid = f"session[{key}]{uuid.uuid4()}"
        contents = members(self._around.inventory, moid_of(container), type, recursive)
        view = ContainerView(moid, _Asked(container, type, recursive), contents, self._around, self._registry)
        self._registry.add_to_session(key, view)
        return vim.view.ContainerView(moid)

    def read_viewList(self, call: Call) -> list[Any]:
        """The session's views."""
        key = call.session.key if call.session else ""
        mine = self._registry.of_session(key)
        return [vim.view.ContainerView(each.moid) for each in mine if each.vim_type is vim.view.ContainerView]


def members(inventory: Inventory, container: str, types: list[Any], recursive: bool) -> list[str]:  # noqa: FBT001 - the API's field
    """The moids of these types inside; the tree stands still, so a view keeps them."""
    inside = inventory.below(container) if recursive else map(inventory.entity, inventory.children(container))
    wanted = tuple(types) or (vim.ManagedEntity,)
    return [each.moid for each in inside if issubclass(GetWsdlType(NAMESPACE, each.type_name), wanted)]
