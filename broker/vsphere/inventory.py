"""The inventory as one account sees it: hosts by every name they go by."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from broker.errors import InvalidName
from broker.model.inventory import Host, HostRef
from broker.model.names import HostName, Moid, VcenterId, parse_moid
from broker.vsphere.hosts import Shown, host_of, named_by_vcenter
from broker.vsphere.remote import Remote, identity_of

_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Inventory:
    """One immutable state. A name that fits two hosts gives both."""

    by_name: Mapping[HostName, tuple[Host, ...]]
    all: tuple[Host, ...]
    """Every host whose place in the tree is known."""
    nameless: int
    """Hosts that cannot be found by the name that vCenter shows: it, or their place, is no valid one."""

    def find(self, name: HostName) -> tuple[Host, ...]:
        """Every host of that name, DNS name or address."""
        return self.by_name.get(name, ())


EMPTY = Inventory(MappingProxyType({}), (), 0)


class Tree:
    """Objects as updates bring, change and take them; not thread-safe, gives Inventories."""

    def __init__(self, vcenter: VcenterId, instance_uuid: str, root: Moid) -> None:
        self._vcenter = vcenter
        self._instance_uuid = instance_uuid
        self._root = root
        self._parents: dict[Moid, Moid] = {}
        self._shown: dict[Moid, dict[str, Remote]] = {}
        self._hosts: dict[Moid, Host | None] = {}
        self._stale: set[Moid] = set()
        self._rejected: set[str] = set()

    def put_host(self, identity: str, changes: Shown, gone: Iterable[str] = ()) -> None:
        """A host came or changed: `changes` are set, `gone` became unset or unreadable."""
        if (moid := self._accepted(identity)) is None:
            return
        shown = self._shown.setdefault(moid, {})
        shown.update(changes)
        for path in gone:
            shown.pop(path, None)
        self._place(moid, shown.get("parent"))
        self._stale.add(moid)

    def put_container(self, identity: str, parent: Remote) -> None:
        """A folder, datacenter or compute resource came or moved, and everything below with it."""
        if (moid := self._accepted(identity)) is not None:
            self._place(moid, parent)
            self._stale.update(self._shown)

    def take(self, identity: str) -> None:
        """An object went, or the account may not see it any more."""
        moid = Moid(identity)
        self._rejected.discard(identity)
        self._parents.pop(moid, None)
        if moid in self._shown:
            del self._shown[moid]
            self._hosts.pop(moid, None)
            self._stale.discard(moid)
        else:
            self._stale.update(self._shown)

    def _accepted(self, identity: str) -> Moid | None:
        try:
            return parse_moid(identity)
        except InvalidName:
            self._rejected.add(identity)
            return None

    def _place(self, moid: Moid, parent: Remote) -> None:
        above = _reference(parent)
        if above is None:
            self._parents.pop(moid, None)
        else:
            self._parents[moid] = above

    def inventory(self) -> Inventory:
        """The state as it is now."""
        for moid in self._stale:
            self._hosts[moid] = self._host(moid)
        self._stale.clear()
        by_name: dict[HostName, tuple[Host, ...]] = {}
        placed = tuple(filter(None, self._hosts.values()))
        for host in placed:
            for name in (host.name, *host.addresses):
                by_name[name] = (*by_name.get(name, ()), host)
        return Inventory(MappingProxyType(by_name), placed, self._nameless())

    def _nameless(self) -> int:
        found_by_name = (self._hosts[m] and named_by_vcenter(shown) for m, shown in self._shown.items())
        return len(self._rejected) + sum(not found for found in found_by_name)

    def _host(self, moid: Moid) -> Host | None:
        ancestors = self._ancestors(moid)
        if ancestors is None:
            return None
        return host_of(HostRef(self._vcenter, self._instance_uuid, moid), self._shown[moid], ancestors)

    def _ancestors(self, moid: Moid) -> tuple[Moid, ...] | None:
        """From the parent up, as far as the account sees; None where the tree is not one.

        A chain that ends early can only make a grant not fit. One that runs in a circle, or for
        ever, is a lie, and nothing is decided on it.
        """
        chain: list[Moid] = []
        for above in self._above(moid):
            if above in chain or above == moid or len(chain) == _MAX_DEPTH:
                return None
            chain.append(above)
        return tuple(chain)

    def _above(self, moid: Moid) -> Iterator[Moid]:
        while moid != self._root and (parent := self._parents.get(moid)) is not None:
            yield parent
            moid = parent


def _reference(parent: Remote) -> Moid | None:
    try:
        return parse_moid(identity_of(parent)) if parent is not None else None
    except InvalidName:
        return None
