"""The inventory read once, in pages, for who does not follow it."""

from pyVmomi import vim, vmodl

from broker.model.names import VcenterId, parse_moid
from broker.vsphere.connection import Link
from broker.vsphere.hosts import HOST_PATHS
from broker.vsphere.inventory import Inventory, Tree
from broker.vsphere.remote import identity_of
from broker.vsphere.survey import on_the_way, pages

_Collector = vmodl.query.PropertyCollector

_PAGE = 500
"""Objects per answer: some 3 KB a host."""


def read_inventory(vcenter: VcenterId, link: Link) -> Inventory:
    """Every host with its place, as the session's account sees them. Faults come as pyVmomi raises them."""
    tree = Tree(vcenter, link.instance_uuid, parse_moid(identity_of(link.content.rootFolder)))
    wanted = [
        _Collector.PropertySpec(type=vim.HostSystem, all=False, pathSet=list(HOST_PATHS)),
        *(
            _Collector.PropertySpec(type=kind, all=False, pathSet=["parent"])
            for kind in (vim.Folder, vim.Datacenter, vim.ComputeResource)
        ),
    ]
    for entry in pages(link, on_the_way(link, wanted), _PAGE):
        shown = {p.name: p.val for p in entry.propSet or ()}
        if isinstance(entry.obj, vim.HostSystem):
            tree.put_host(identity_of(entry.obj), shown)
        else:
            tree.put_container(identity_of(entry.obj), shown.get("parent"))
    return tree.inventory()
