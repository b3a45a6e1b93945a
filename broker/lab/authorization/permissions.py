"""Permissions as they stand on entities, and the tree they stand in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from broker.lab.authorization.principals import folded


class Tree(Protocol):
    """The inventory by moid."""

    def root(self) -> str:
        """The root folder."""
        ...

    def parent(self, moid: str) -> str | None:
        """The parent entity; None for the root folder."""
        ...

    def type_name(self, moid: str) -> str:
        """The WSDL name of its type: `HostSystem`."""
        ...

    def exists(self, moid: str) -> bool:
        """Whether the inventory holds it."""
        ...


@dataclass(frozen=True, slots=True)
class Permission:
    """`principal` holds `role_id` on `entity`, and below if `propagate`."""

    entity: str
    principal: str
    group: bool
    role_id: int
    propagate: bool

    @property
    def holder(self) -> tuple[str, bool]:
        """Whom it is for: there is one permission per holder and entity."""
        return folded(self.principal), self.group


class PermissionStore:
    """Permissions per entity; each change replaces one tuple, so readers need no lock."""

    def __init__(self) -> None:
        self._on: dict[str, tuple[Permission, ...]] = {}

    def on(self, entity: str) -> tuple[Permission, ...]:
        """Those defined on this very entity."""
        return self._on.get(entity, ())

    def all(self) -> tuple[Permission, ...]:
        """Every permission."""
        return tuple(permission for held in list(self._on.values()) for permission in held)

    def of(self, entity: str, holder: tuple[str, bool]) -> Permission | None:
        """The holder's permission on this very entity."""
        return next((p for p in self.on(entity) if p.holder == holder), None)

    def put(self, permission: Permission) -> None:
        """Add, or replace what the same holder has there."""
        others = [p for p in self.on(permission.entity) if p.holder != permission.holder]
        self._on[permission.entity] = (*others, permission)

    def remove(self, permissions: Iterable[Permission]) -> None:
        """Take these away."""
        for permission in permissions:
            left = tuple(p for p in self.on(permission.entity) if p != permission)
            self._on[permission.entity] = left


def owner_of_part(tree: Tree, moid: str) -> str | None:
    """The complex entity that `moid` is a part of: permissions are set there, and reach it always.

    A stand-alone host and every root resource pool are parts of their ComputeResource, the four
    child folders parts of their Datacenter (API reference of SetEntityPermissions).
    """
    parent = tree.parent(moid)
    if parent is None:
        return None
    kind, owner = tree.type_name(moid), tree.type_name(parent)
    is_part = (
        (kind == "HostSystem" and owner == "ComputeResource")
        or (kind == "ResourcePool" and owner in ("ComputeResource", "ClusterComputeResource"))
        or (kind in ("Folder", "StoragePod") and owner == "Datacenter")
    )
    return parent if is_part else None


def definers(tree: Tree, moid: str) -> Iterator[tuple[str, bool]]:
    """`moid` and its ancestors, each with whether its permissions reach `moid` without propagating."""
    owner = owner_of_part(tree, moid)
    at: str | None = moid
    while at is not None:
        yield at, at in (moid, owner)
        at = tree.parent(at)


def reaching(tree: Tree, store: PermissionStore, moid: str) -> Iterator[tuple[Permission, ...]]:
    """The permissions that reach `moid`, per defining entity, nearest first; empty ones left out."""
    for entity, without_propagating in definers(tree, moid):
        reach = tuple(p for p in store.on(entity) if p.propagate or without_propagating)
        if reach:
            yield reach
