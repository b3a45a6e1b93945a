"""From an inventory path to the one object that it names, over names that were read, not searched.

vCenter's SearchIndex takes a path too; it is not asked, since what it does with escapes and with
two objects that fit is not said.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from broker.model.names import Moid
from broker.ports.administration import Entity, ScopeUnresolved, Target


class Kind(StrEnum):
    """What may stand on the way to a host, and be a scope."""

    FOLDER = "Folder"
    DATACENTER = "Datacenter"
    COMPUTE_RESOURCE = "ComputeResource"
    CLUSTER = "ClusterComputeResource"
    HOST = "HostSystem"


@dataclass(frozen=True, slots=True)
class Node:
    """One object of the inventory. `kind` is None for what neither leads to a host nor is one."""

    moid: Moid
    kind: Kind | None
    name: str
    subject: Any


Children = Callable[[Node], tuple[Node, ...]]
"""What lies directly below an object, on the way to hosts."""

_ESCAPES = {"%2f": "/", "%5c": "\\", "%25": "%"}


def plain_name(name: str) -> str:
    """A name without escapes: vCenter writes slash, backslash and percent in names as %2f, %5c, %25."""
    return re.sub(r"%(?:2[fF]|5[cC]|25)", lambda escape: _ESCAPES[escape.group().lower()], name)


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


def locate(path: str, root: Node, children: Children) -> Target:
    """The one object of that path. Raises ScopeUnresolved."""
    node, parent = root, root
    for step in steps_of(path):
        fitting = [child for child in children(node) if plain_name(child.name) == step]
        if len(fitting) != 1:
            problem = "names several objects" if fitting else "names nothing that this vCenter shows"
            raise ScopeUnresolved(path, problem)
        parent, node = node, fitting[0]
    return _target(path, node, parent)


def _target(path: str, node: Node, parent: Node) -> Target:
    if node.kind is None:
        raise ScopeUnresolved(path, "is neither a host nor a cluster, folder or datacenter of hosts")
    if parent.kind is Kind.DATACENTER:
        raise ScopeUnresolved(
            path, "takes no permission of its own; name the datacenter, or what lies below this folder"
        )
    entity = Entity(node.kind, node.moid)
    if node.kind is Kind.HOST and parent.kind is Kind.COMPUTE_RESOURCE:
        entity = Entity(parent.kind, parent.moid)
    return Target(path, node.moid, entity, propagate=entity.kind != Kind.HOST)
