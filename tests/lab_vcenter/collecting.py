"""Filter specs as clients of the property collector write them."""

from typing import Any

from pyVmomi import vim, vmodl

Collector: Any = vmodl.query.PropertyCollector


def of_object(obj: Any, *paths: str) -> Any:
    """These properties of one object."""
    return Collector.FilterSpec(
        propSet=[Collector.PropertySpec(type=type(obj), pathSet=list(paths))],
        objectSet=[Collector.ObjectSpec(obj=obj)],
    )


def of_view(view: Any, kind: Any, *paths: str) -> Any:
    """These properties of what a ContainerView shows."""
    through = Collector.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False)
    return Collector.FilterSpec(
        propSet=[Collector.PropertySpec(type=kind, pathSet=list(paths))],
        objectSet=[Collector.ObjectSpec(obj=view, skip=True, selectSet=[through])],
    )


def of_everything(root: Any, kind: Any, *paths: str) -> Any:
    """The recursion by names that pyVmomi's samples, govc and Ansible's modules send."""

    def step(name: str, kind: Any, path: str, *onward: str) -> Any:
        return Collector.TraversalSpec(
            name=name,
            type=kind,
            path=path,
            skip=False,
            selectSet=[Collector.SelectionSpec(name=each) for each in onward],
        )

    into = ("folders", "hostFolders", "hosts", "pools")
    return Collector.FilterSpec(
        propSet=[Collector.PropertySpec(type=kind, pathSet=list(paths), all=False)],
        objectSet=[
            Collector.ObjectSpec(
                obj=root,
                skip=False,
                selectSet=[
                    step("folders", vim.Folder, "childEntity", *into),
                    step("hostFolders", vim.Datacenter, "hostFolder", *into),
                    step("hosts", vim.ComputeResource, "host"),
                    step("pools", vim.ComputeResource, "resourcePool"),
                ],
            )
        ],
    )


def values(content: Any) -> dict[str, Any]:
    """An ObjectContent's values by path."""
    return {each.name: each.val for each in content.propSet}


def changed(update: Any) -> dict[str, Any]:
    """An ObjectUpdate's values by path."""
    return {each.name: each.val for each in update.changeSet}
