"""Effective privileges: which of the permissions decides.

1. The nearest entity that has a permission for the user or for one of its groups decides; what is
   defined above it no longer counts ("Child Permissions Overriding Parent Permissions").
2. On that entity the user's own permission decides alone; without one the groups' are united.
3. System.View is held on every ancestor of an entity that the user may read.

Rules 1 and 2 are those of "Hierarchical Inheritance of Permissions" in the vSphere security guide,
examples 1 to 3; two parents of one object do not occur among hosts.
"""

from dataclasses import dataclass, field

from broker.lab.authorization.permissions import Permission, PermissionStore, Tree, reaching
from broker.lab.authorization.principals import Principals, canonical, folded
from broker.lab.authorization.roles import RoleBook

_IMPLIED = frozenset({"System.Anonymous", "System.View"})
_NOTHING: frozenset[str] = frozenset()

Holders = frozenset[tuple[str, bool]]


@dataclass(slots=True)
class _Sight:
    """What was worked out for one user since the last change."""

    holders: Holders
    visible: frozenset[str] = frozenset()
    effective: dict[str, frozenset[str]] = field(default_factory=dict)


class Resolver:
    """Answers from a memory that `forget` empties. Readers need no lock."""

    def __init__(self, tree: Tree, store: PermissionStore, roles: RoleBook, principals: Principals) -> None:
        self._tree = tree
        self._store = store
        self._roles = roles
        self._principals = principals
        self._sights: dict[str, _Sight] = {}

    def forget(self) -> None:
        """Something changed. Called after the change, so that a stale answer lands in the old memory."""
        self._sights = {}

    def effective(self, user: str, moid: str) -> frozenset[str]:
        """All that `user` holds on `moid`, the implied System.View included."""
        sight = self._sight(user)
        found = sight.effective.get(moid)
        if found is None:
            found = self._decided(sight.holders, moid)
            if moid in sight.visible:
                found |= _IMPLIED
            sight.effective[moid] = found
        return found

    def _sight(self, user: str) -> _Sight:
        sights, key = self._sights, folded(user)
        sight = sights.get(key)
        if sight is None:
            groups = self._principals.groups_of(canonical(user))
            sight = _Sight(frozenset({(key, False), *((folded(group), True) for group in groups)}))
            sight.visible = self._visible(sight.holders)
            sights[key] = sight
        return sight

    def _visible(self, holders: Holders) -> frozenset[str]:
        """Ancestors of what may be read."""
        seen: set[str] = set()
        for entity in {p.entity for p in self._store.all() if p.holder in holders}:
            if not self._tree.exists(entity) or "System.Read" not in self._decided(holders, entity):
                continue
            at = self._tree.parent(entity)
            while at is not None and at not in seen:
                seen.add(at)
                at = self._tree.parent(at)
        return frozenset(seen)

    def _decided(self, holders: Holders, moid: str) -> frozenset[str]:
        for level in reaching(self._tree, self._store, moid):
            mine = [p for p in level if p.holder in holders]
            if mine:
                return self._united(mine)
        return _NOTHING

    def _united(self, permissions: list[Permission]) -> frozenset[str]:
        own = [p for p in permissions if not p.group]
        return _NOTHING.union(*(self._roles.privileges(p.role_id) for p in own or permissions))
