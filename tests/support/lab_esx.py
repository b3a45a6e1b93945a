"""Parts for tests of the lab's ESXi side: a small inventory, a small directory, a pinned CIM client."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pywbem
from requests.adapters import HTTPAdapter

DOMAIN = "VSPHERE.LOCAL"


def principal(name: str) -> str:
    return f"{DOMAIN}\\{name}"


@dataclass
class SmallTree:
    """Entities as moid -> (type, parent)."""

    entities: dict[str, tuple[str, str | None]]

    def root(self) -> str:
        return "root"

    def parent(self, moid: str) -> str | None:
        return self.entities[moid][1]

    def type_name(self, moid: str) -> str:
        return self.entities[moid][0]

    def exists(self, moid: str) -> bool:
        return moid in self.entities


def small_tree() -> SmallTree:
    """One datacenter with a cluster of one host and a stand-alone host."""
    return SmallTree(
        {
            "root": ("Folder", None),
            "dc": ("Datacenter", "root"),
            "hosts": ("Folder", "dc"),
            "racks": ("Folder", "hosts"),
            "cluster": ("ClusterComputeResource", "racks"),
            "host": ("HostSystem", "cluster"),
            "pool": ("ResourcePool", "cluster"),
            "alone": ("ComputeResource", "hosts"),
            "alone-host": ("HostSystem", "alone"),
        }
    )


@dataclass
class SmallDirectory:
    """Users and groups; each group with its members."""

    users: set[str]
    groups: dict[str, set[str]] = field(default_factory=dict)

    def groups_of(self, user: str) -> frozenset[str]:
        return frozenset(
            principal(g) for g, members in self.groups.items() if user in map(principal, members)
        )

    def exists(self, principal_name: str, is_group: bool) -> bool:  # noqa: FBT001 - the lab's own protocol
        known = self.groups if is_group else self.users
        return principal_name in map(principal, known)


class _Pinned(HTTPAdapter):
    """Trusts one leaf certificate as its own anchor; the name is still checked."""

    def __init__(self, leaf: Path) -> None:
        self._leaf = leaf
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = ssl.create_default_context(cafile=str(self._leaf))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        super().init_poolmanager(*args, ssl_context=context, **kwargs)


def cim_client(url: str, ticket: str, leaf: Path) -> Any:
    """A pywbem connection with the ticket as user and password and the host's leaf pinned."""
    connection = pywbem.WBEMConnection(
        url, (ticket, ticket), default_namespace="root/cimv2", ca_certs=str(leaf), timeout=10
    )
    connection.session.trust_env = False
    connection.session.mount("https://", _Pinned(leaf))
    return connection
