"""ViewManager and ContainerView."""

import uuid
from dataclasses import dataclass

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetWsdlName, GetWsdlType

from broker.lab.soap.call import Call
from broker.lab.soap.registry import Registry
from broker.lab.soap.request import NAMESPACE
from broker.lab.vcenter.entities import Surroundings
from broker.lab.world.values import VimValue, moid_of


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the client asked a view of."""

    container: VimValue
    types: list[VimValue]
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

    def read_view(self, call: Call) -> list[VimValue]:
        """The visible members."""
        return self._around.seen(call, self._contents)

    def read_container(self, call: Call) -> VimValue:
        """Where it looks."""
        return self._asked.container

    def read_type(self, call: Call) -> list[str]:
        """What it looks for."""
        return [GetWsdlName(each) for each in self._asked.types]

    def read_recursive(self, call: Call) -> bool:
        """Whether it looks further down."""
        return self._asked.recursive


class ViewManager:
    """Makes views."""

    vim_type = vim.view.ViewManager
    moid = "ViewManager"

    def __init__(self, around: Surroundings, registry: Registry) -> None:
        self._around = around
        self._registry = registry

    def CreateContainerView(
        self,
        call: Call,
        *,
        container: VimValue,
        type: list[VimValue],  # noqa: A002 - the API's name
        recursive: bool,
    ) -> VimValue:
        """A view of what lies in a folder, datacenter or compute resource. Raises ManagedObjectNotFound."""
        key = call.session.key if call.session else ""
        if not self._around.inventory.exists(moid_of(container)):
            raise vmodl.fault.ManagedObjectNotFound(obj=container)
        moid = f"session[{key}]{uuid.uuid4()}"
        asked = _Asked(container, type, recursive)
        view = ContainerView(moid, asked, self._members(asked), self._around, self._registry)
        self._registry.add_to_session(key, view)
        return vim.view.ContainerView(moid)

    def read_viewList(self, call: Call) -> list[VimValue]:
        """The session's views."""
        key = call.session.key if call.session else ""
        mine = self._registry.of_session(key)
        return [vim.view.ContainerView(each.moid) for each in mine if each.vim_type is vim.view.ContainerView]

    def _members(self, asked: _Asked) -> list[str]:
        """The moids inside; the tree stands still, so a view keeps them."""
        inventory, top = self._around.inventory, moid_of(asked.container)
        inside = inventory.below(top) if asked.recursive else map(inventory.entity, inventory.children(top))
        wanted = tuple(asked.types) or (vim.ManagedEntity,)
        return [each.moid for each in inside if issubclass(GetWsdlType(NAMESPACE, each.type_name), wanted)]
