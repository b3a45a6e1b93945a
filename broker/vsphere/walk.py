"""Reading the inventory level by level, on the way to hosts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyVmomi import vim, vmodl

from broker.model.names import parse_moid
from broker.vsphere.connection import Link
from broker.vsphere.faults import answered
from broker.vsphere.paths import Kind, Node
from broker.vsphere.properties import property_of

_Collector = vmodl.query.PropertyCollector

CLASSES: Mapping[Kind, type] = {
    Kind.CLUSTER: vim.ClusterComputeResource,
    Kind.COMPUTE_RESOURCE: vim.ComputeResource,
    Kind.HOST: vim.HostSystem,
    Kind.DATACENTER: vim.Datacenter,
    Kind.FOLDER: vim.Folder,
}
"""pyVmomi's class of each kind; a cluster is a compute resource too, so it stands first."""

_BELOW = {
    Kind.FOLDER: "childEntity",
    Kind.DATACENTER: "hostFolder",
    Kind.COMPUTE_RESOURCE: "host",
    Kind.CLUSTER: "host",
}


def root_of(link: Link) -> Node:
    """The root folder; its name is on no path."""
    return _node(link.content.rootFolder, "")


def children_of(link: Link, node: Node) -> tuple[Node, ...]:
    """What lies directly below, with its names; nothing below a host or a stranger."""
    if node.kind not in _BELOW:
        return ()
    below = property_of(link.content, node.subject, _BELOW[node.kind])
    subjects = below if isinstance(below, list) else [below] if below is not None else []
    return tuple(_node(subject, name) for subject, name in _names(link, subjects)) if subjects else ()


def _names(link: Link, subjects: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """Each object with its name; one whose name is not shown is passed over: it has no path."""
    spec = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=subject) for subject in subjects],
        propSet=[
            _Collector.PropertySpec(type=kind, pathSet=["name"]) for kind in {type(s) for s in subjects}
        ],
    )
    collector = link.content.propertyCollector
    page = answered(lambda: collector.RetrievePropertiesEx([spec], _Collector.RetrieveOptions()))
    while page is not None:
        for entry in page.objects or []:
            for found in entry.propSet or []:
                yield entry.obj, str(found.val)
        token = page.token
        page = answered(lambda: collector.ContinueRetrievePropertiesEx(token)) if token else None  # noqa: B023 - called at once


def _node(subject: Any, name: str) -> Node:  # noqa: ANN401 - pyVmomi is untyped
    return Node(parse_moid(subject._moId), _kind(subject), name, subject)  # noqa: SLF001 - pyVmomi's way to tell an id


def _kind(subject: Any) -> Kind | None:  # noqa: ANN401 - pyVmomi is untyped
    return next((kind for kind, cls in CLASSES.items() if isinstance(subject, cls)), None)
