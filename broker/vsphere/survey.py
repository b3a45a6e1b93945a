"""One look at a whole vCenter: its roles, all permissions, and the tree down to the hosts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pyVmomi import vim, vmodl

from broker.errors import InvalidName, Reason, Refused
from broker.model.names import Moid, parse_moid
from broker.model.survey import Permission, Role, Survey
from broker.model.tree import Kind, Node, Tree
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.vsphere.connection import Link
from broker.vsphere.properties import property_of
from broker.vsphere.remote import Remote, identity_of

_Collector = vmodl.query.PropertyCollector

CLASSES: Mapping[Kind, type] = {
    Kind.CLUSTER: vim.ClusterComputeResource,
    Kind.COMPUTE_RESOURCE: vim.ComputeResource,
    Kind.HOST: vim.HostSystem,
    Kind.DATACENTER: vim.Datacenter,
    Kind.FOLDER: vim.Folder,
}
"""pyVmomi's class of each kind; a cluster is a compute resource too, so it stands first."""

_PAGE = 2000
"""Objects per answer: some 600 bytes each."""

_SURVEY_S = 60.0
"""Patience for one answer: all permissions of a large vCenter come in one."""

_BELOW = ((vim.Folder, "childEntity"), (vim.Datacenter, "hostFolder"), (vim.ComputeResource, "host"))


def survey_of(link: Link) -> Survey:
    """Read it all: three calls, and one more for every page of the tree after the first.

    Faults come as pyVmomi raises them.
    """
    with link.stub.patience(_SURVEY_S):
        roles = roles_of(link)
        permissions = _permissions(link)
        return Survey(link.instance_uuid, {role.id: role for role in roles}, permissions, tree_of(link))


def roles_of(link: Link) -> tuple[Role, ...]:
    """AuthorizationManager.roleList, the privileges of every role (System.*) left out."""
    listed = property_of(link.content, link.content.authorizationManager, "roleList")
    return tuple(_role(told) for told in listed or ())


def permission_of(told: Remote) -> Permission:
    """A permission as vCenter tells it."""
    return Permission(told.principal, told.group, told.roleId, told.propagate)


def tree_of(link: Link) -> Tree:
    """Names and places, read along the way to the hosts; an object that shows no name has no path."""
    root = parse_moid(identity_of(link.content.rootFolder))
    return Tree(root, _nodes(link))


def _role(told: Remote) -> Role:
    privileges = frozenset(str(privilege) for privilege in told.privilege or [])
    return Role(told.roleId, told.name, told.system, privileges - SYSTEM_PRIVILEGES)


def _permissions(link: Link) -> Mapping[Moid, tuple[Permission, ...]]:
    found: dict[Moid, list[Permission]] = defaultdict(list)
    for told in link.content.authorizationManager.RetrieveAllPermissions() or ():
        if told.entity is not None:  # the field's simulator leaves it out, and nobody knows where it is
            found[_moid(told.entity)].append(permission_of(told))
    return {moid: tuple(held) for moid, held in found.items()}


def on_the_way(link: Link, wanted: Sequence[Remote]) -> Remote:
    """What to read from the root folder along child folders, host folders and compute resources.

    `wanted` are the property specifications of what lies there.
    """
    names = [_Collector.SelectionSpec(name=path) for _, path in _BELOW]
    ways = [
        _Collector.TraversalSpec(name=path, type=kind, path=path, skip=False, selectSet=names)
        for kind, path in _BELOW
    ]
    start = _Collector.ObjectSpec(obj=link.content.rootFolder, skip=False, selectSet=ways)
    return _Collector.FilterSpec(objectSet=[start], propSet=list(wanted))


def pages(link: Link, wanted: Remote, most: int) -> Iterator[Remote]:
    """Everything that a filter specification picks, `most` objects to an answer."""
    collector = link.content.propertyCollector
    page = collector.RetrievePropertiesEx([wanted], _Collector.RetrieveOptions(maxObjects=most))
    while page is not None:
        yield from page.objects or ()
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None


def _nodes(link: Link) -> Iterator[Node]:
    kinds = (vim.Folder, vim.Datacenter, vim.ComputeResource, vim.HostSystem)
    wanted = [_Collector.PropertySpec(type=kind, all=False, pathSet=["name", "parent"]) for kind in kinds]
    for entry in pages(link, on_the_way(link, wanted), _PAGE):
        shown = {p.name: p.val for p in entry.propSet or ()}
        if (kind := _kind(entry.obj)) is not None and isinstance(shown.get("name"), str):
            parent = shown.get("parent")
            above = _moid(parent) if parent is not None else None
            yield Node(_moid(entry.obj), kind, shown["name"], above)


def _kind(subject: Remote) -> Kind | None:
    return next((kind for kind, cls in CLASSES.items() if isinstance(subject, cls)), None)


def _moid(subject: Remote) -> Moid:
    try:
        return parse_moid(identity_of(subject))
    except InvalidName as error:
        raise Refused(Reason.VCENTER_FAULT, str(error)) from None
