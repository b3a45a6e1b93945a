"""Finding one host without an inventory: what is done before the first full sync."""

import ipaddress

from pyVmomi import vim, vmodl

from broker.model.inventory import Host
from broker.model.names import HostName, VcenterId, parse_moid
from broker.vsphere.connection import Link
from broker.vsphere.hosts import HOST_PATHS
from broker.vsphere.inventory import Tree
from broker.vsphere.remote import Remote, identity_of

_Collector = vmodl.query.PropertyCollector


def look_up(vcenter: VcenterId, name: HostName, link: Link) -> tuple[Host, ...]:
    """The hosts that SearchIndex knows under this name and that answer to it, with their ancestors.

    Not finding one proves nothing: the index knows DNS names and addresses only.
    """
    found = _search(link.content.searchIndex, name)
    tree = Tree(vcenter, link.instance_uuid, parse_moid(identity_of(link.content.rootFolder)))
    if found:
        answer = link.content.propertyCollector.RetrievePropertiesEx(
            [_with_ancestors(found)], _Collector.RetrieveOptions()
        )
        for entry in answer.objects if answer else ():
            _put(entry, tree)
    return tree.inventory().find(name)


def _search(index: Remote, name: HostName) -> list[Remote]:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return list(index.FindAllByDnsName(dnsName=name, vmSearch=False) or ())
    return list(index.FindAllByIp(ip=name, vmSearch=False) or ())


def _with_ancestors(hosts: list[Remote]) -> Remote:
    up = _Collector.TraversalSpec(
        name="up",
        type=vim.ManagedEntity,
        path="parent",
        skip=False,
        selectSet=[_Collector.SelectionSpec(name="up")],
    )
    return _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=host, skip=False, selectSet=[up]) for host in hosts],
        propSet=[
            _Collector.PropertySpec(type=vim.ManagedEntity, all=False, pathSet=["parent"]),
            _Collector.PropertySpec(type=vim.HostSystem, all=False, pathSet=list(HOST_PATHS)),
        ],
    )


def _put(entry: Remote, tree: Tree) -> None:
    shown = {p.name: p.val for p in entry.propSet or ()}
    if isinstance(entry.obj, vim.HostSystem):
        tree.put_host(identity_of(entry.obj), shown)
    else:
        tree.put_container(identity_of(entry.obj), shown.get("parent"))
