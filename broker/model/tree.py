"""The inventory's tree, from the root folder down to the hosts, as one look at a vCenter showed it.

Paths are resolved over names that were read, not searched: vCenter's SearchIndex takes a path too
and is not asked, since what it does with escapes and with two objects that fit is not said.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from broker.errors import BrokerError
from broker.model.names import Moid


class Kind(StrEnum):
    """What may stand on the way to a host, and be a scope: the API's name of its type."""

    FOLDER = "Folder"
    DATACENTER = "Datacenter"
    COMPUTE_RESOURCE = "ComputeResource"
    CLUSTER = "ClusterComputeResource"
    HOST = "HostSystem"


@dataclass(frozen=True, slots=True)
class Node:
    """One object of the inventory. `name` is as vCenter shows it; the root folder has no parent."""

    moid: Moid
    kind: Kind
    name: str
    parent: Moid | None


@dataclass(frozen=True, slots=True)
class Entity:
    """An object that takes permissions."""

    kind: Kind
    moid: Moid


@dataclass(frozen=True, slots=True)
class Target:
    """The one object that an inventory path names, and where a permission for it is set.

    `moid` is what requests are decided on. `entity` is the same object, except for a stand-alone
    host: it is part of a complex entity and takes permissions on its ComputeResource (vSphere
    API, AuthorizationManager.SetEntityPermissions: InvalidArgument otherwise).
    """

    path: str
    moid: Moid
    entity: Entity
    propagate: bool
    """Whether the permission has to reach children: false for a host in a cluster only."""


class ScopeUnresolved(BrokerError):
    """An inventory path does not name exactly one object that may be a scope; says why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


_ESCAPES = {"%2f": "/", "%5c": "\\", "%25": "%"}


def plain_name(name: str) -> str:
    """A name without escapes: vCenter writes slash, backslash and percent in names as %2f, %5c, %25."""
    return re.sub(r"%(?:2[fF]|5[cC]|25)", lambda escape: _ESCAPES[escape.group().lower()], name)


def written_name(name: str) -> str:
    """A name with its escapes, in the one form in which the policy writes paths."""
    return plain_name(name).replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")


def steps_of(path: str) -> tuple[str, ...]:
    """The names in a path, from below the root folder, without escapes.

    Raises ScopeUnresolved. The root folder is no scope: a permission there would reach
    everything, and the proof of each ticket demands that nothing is held there.
    """
    if path == "/":
        raise ScopeUnresolved(path, "the root folder cannot be a scope; name a datacenter or less")
    first, *steps = path.split("/")
    if first or not steps or not all(steps):
        raise ScopeUnresolved(path, "a path is /name/name, without empty names; %2f is a slash in a name")
    return tuple(plain_name(step) for step in steps)


class Tree:
    """What hangs below the root folder; immutable. What is not connected to the root is left out."""

    def __init__(self, root: Moid, nodes: Iterable[Node]) -> None:
        self.root = root
        told = {node.moid: node for node in nodes}
        below: dict[Moid, list[Node]] = defaultdict(list)
        for node in told.values():
            if node.parent is not None and node.moid != root:
                below[node.parent].append(node)
        self._nodes: dict[Moid, Node] = {}
        self._named: dict[tuple[Moid, str], list[Node]] = defaultdict(list)
        self._hosts: list[Moid] = []
        self._reach: dict[Moid, tuple[int, int]] = {}
        if root in told:
            self._hang(told[root], below)

    def _hang(self, top: Node, below: dict[Moid, list[Node]]) -> None:
        """Without recursion: how deep folders lie in one another is up to whoever may make some."""
        waiting: list[tuple[Node, int | None]] = [(top, None)]
        while waiting:
            node, first = waiting.pop()
            if first is not None:  # all that lies below it hangs
                self._reach[node.moid] = (first, len(self._hosts))
                continue
            waiting.append((node, len(self._hosts)))
            self._nodes[node.moid] = node
            if node.kind is Kind.HOST:
                self._hosts.append(node.moid)
            for child in reversed(below.get(node.moid, ())):
                self._named[node.moid, plain_name(child.name)].append(child)
                waiting.append((child, None))

    def node(self, moid: Moid) -> Node | None:
        """The object of that id; None for what is not in the tree, such as a virtual machine."""
        return self._nodes.get(moid)

    def locate(self, path: str) -> Target:
        """The one object of that path. Raises ScopeUnresolved."""
        at = parent = self.root
        for step in steps_of(path):
            fitting = self._named.get((at, step), ())
            if len(fitting) != 1:
                problem = "names several objects" if fitting else "names nothing that this vCenter shows"
                raise ScopeUnresolved(path, problem)
            parent, at = at, fitting[0].moid
        if self._nodes[parent].kind is Kind.DATACENTER:
            raise ScopeUnresolved(
                path, "takes no permission of its own; name the datacenter, or what lies below this folder"
            )
        entity = self.entity(at)
        return Target(path, at, entity, propagate=entity.kind is not Kind.HOST)

    def entity(self, moid: Moid) -> Entity:
        """Where a permission for this object of the tree is set. Raises KeyError."""
        node = self._nodes[moid]
        above = self._nodes.get(node.parent) if node.parent is not None else None
        if node.kind is Kind.HOST and above is not None and above.kind is Kind.COMPUTE_RESOURCE:
            return Entity(above.kind, above.moid)
        return Entity(node.kind, node.moid)

    def path_of(self, moid: Moid) -> str | None:
        """The path that names this object, `/` for the root folder; None for what is not in the tree."""
        if moid not in self._nodes:
            return None
        names = [written_name(self._nodes[each].name) for each in self.lineage(moid)[:-1]]
        return "/" + "/".join(reversed(names))

    def lineage(self, moid: Moid) -> tuple[Moid, ...]:
        """The object itself, then what it hangs below, up to the root folder; empty for a stranger."""
        chain: list[Moid] = []
        at = self._nodes.get(moid)
        while at is not None:
            chain.append(at.moid)
            at = self._nodes[at.parent] if at.parent in self._nodes and at.moid != self.root else None
        return tuple(chain)

    def hosts_below(self, moid: Moid) -> tuple[Moid, ...]:
        """The hosts below the object, or itself where it is one; none below a stranger."""
        first, end = self._reach.get(moid, (0, 0))
        return tuple(self._hosts[first:end])

    def reaches(self, moid: Moid) -> int:
        """How many hosts `hosts_below` would give."""
        first, end = self._reach.get(moid, (0, 0))
        return end - first
