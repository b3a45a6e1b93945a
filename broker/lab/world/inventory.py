"""The tree: root folder, datacenters, folders, clusters, stand-alone hosts."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from broker.lab.world.host import Host

ROOT = "group-d1"
DOMAIN = "lab.example"
RACKS = "Racks"
_HOSTS_PER_BLOCK = 250


@dataclass(slots=True)
class Entity:
    """One managed entity: its place in the tree."""

    moid: str
    type_name: str
    name: str
    parent: str | None
    children: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a lab is: `hosts` in all, `standalone` of them outside the clusters."""

    hosts: int = 50
    clusters: int = 5
    standalone: int = 2


class Inventory:
    """Entities by moid. None comes or goes once the tree is built; they change name and place."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {ROOT: Entity(ROOT, "Folder", "Datacenters", None)}
        self._hosts: dict[str, Host] = {}
        self._by_name: dict[str, Host] = {}
        self._next = 2

    def root(self) -> str:
        """The moid of the root folder."""
        return ROOT

    def exists(self, moid: str) -> bool:
        """Whether an entity has this moid."""
        return moid in self._entities

    def entity(self, moid: str) -> Entity:
        """The entity. Raises KeyError."""
        return self._entities[moid]

    def parent(self, moid: str) -> str | None:
        """The moid above; None above the root folder. Raises KeyError."""
        return self._entities[moid].parent

    def type_name(self, moid: str) -> str:
        """The WSDL type: `HostSystem`. Raises KeyError."""
        return self._entities[moid].type_name

    def name(self, moid: str) -> str:
        """What the entity is called. Raises KeyError."""
        return self._entities[moid].name

    def children(self, moid: str) -> list[str]:
        """The moids right below. Raises KeyError."""
        return self._entities[moid].children

    def entities(self) -> list[Entity]:
        """All entities, parents before their children."""
        return list(self._entities.values())

    def below(self, moid: str) -> Iterator[Entity]:
        """Everything below, parents before their children."""
        for child in self._entities[moid].children:
            yield self._entities[child]
            yield from self.below(child)

    def path(self, moid: str) -> list[Entity]:
        """From the root folder down to the entity, both included."""
        entity = self._entities[moid]
        above = self.path(entity.parent) if entity.parent else []
        return [*above, entity]

    def hosts(self) -> list[Host]:
        """All hosts, in the order of their names."""
        return list(self._hosts.values())

    def host(self, moid: str) -> Host:
        """The host with this moid. Raises KeyError."""
        return self._hosts[moid]

    def host_named(self, name: str) -> Host:
        """The host of this name. Raises KeyError."""
        return self._by_name[name]

    def child_named(self, moid: str, name: str) -> str | None:
        """The moid of the child with this name."""
        return next((child for child in self.children(moid) if self._entities[child].name == name), None)

    def at(self, path: str) -> Entity:
        """The entity at `/DC1/host/cluster-01`. Raises KeyError."""
        moid: str | None = ROOT
        for name in path.strip("/").split("/"):
            moid = self.child_named(moid, name) if moid else None
        if moid is None:
            raise KeyError(path)
        return self._entities[moid]

    def move(self, moid: str, parent: str) -> None:
        """Hang the entity, and all below it, under another. Raises KeyError."""
        entity = self._entities[moid]
        if entity.parent is not None:
            self._entities[entity.parent].children.remove(moid)
        self._entities[parent].children.append(moid)
        entity.parent = parent

    def add(self, kind: str, prefix: str, name: str, parent: str) -> str:
        """A new entity below `parent`; its moid is `prefix` and the next number."""
        moid = f"{prefix}{self._next}"
        self._next += 1
        self._entities[moid] = Entity(moid, kind, name, parent)
        self._entities[parent].children.append(moid)
        return moid

    def add_host(self, number: int, parent: str) -> Host:
        """Host `number` (from 1) in a compute resource; its name and address follow from the number."""
        name = host_name(number)
        moid = self.add("HostSystem", "host-", name, parent)
        block, last = divmod(number - 1, _HOSTS_PER_BLOCK)
        standalone = self._entities[parent].type_name == "ComputeResource"
        host = Host(moid, name, parent, f"127.64.{block}.{last + 1}", standalone)
        self._hosts[moid] = self._by_name[name] = host
        return host


def host_name(number: int) -> str:
    """`esx0001.lab.example` for 1."""
    return f"esx{number:04d}.{DOMAIN}"


def build(size: Size) -> Inventory:
    """Datacenters DC1 and DC2, clusters and stand-alone hosts spread over them, one folder between."""
    inventory = Inventory()
    first, second = (_datacenter(inventory, name) for name in ("DC1", "DC2"))
    racks = inventory.add("Folder", "group-h", RACKS, first)
    in_clusters = size.hosts - size.standalone if size.clusters else 0
    number = 0
    for index in range(size.clusters):
        home = {1: racks, 4: second}.get(index % 5, first)
        cluster = _compute(inventory, "ClusterComputeResource", f"cluster-{index + 1:02d}", home)
        share = (index + 1) * in_clusters // size.clusters - index * in_clusters // size.clusters
        for _ in range(share):
            number += 1
            inventory.add_host(number, cluster)
    for index in range(size.hosts - in_clusters):
        number += 1
        home = second if index % 2 else first
        inventory.add_host(number, _compute(inventory, "ComputeResource", host_name(number), home))
    return inventory


def _datacenter(inventory: Inventory, name: str) -> str:
    """A datacenter with its four folders; gives the moid of its host folder."""
    datacenter = inventory.add("Datacenter", "datacenter-", name, ROOT)
    inventory.add("Folder", "group-v", "vm", datacenter)
    hosts = inventory.add("Folder", "group-h", "host", datacenter)
    inventory.add("Folder", "group-s", "datastore", datacenter)
    inventory.add("Folder", "group-n", "network", datacenter)
    return hosts


def _compute(inventory: Inventory, kind: str, name: str, folder: str) -> str:
    """A compute resource with its root resource pool."""
    moid = inventory.add(kind, "domain-c" if kind.startswith("Cluster") else "domain-s", name, folder)
    inventory.add("ResourcePool", "resgroup-", "Resources", moid)
    return moid
