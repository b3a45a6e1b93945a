"""A host out of what vCenter shows of it. Whatever is unset, unreadable or odd is unknown."""

import ipaddress
import re
from collections.abc import Iterator, Mapping

from broker.errors import InvalidName
from broker.model.inventory import Connection, Host, HostRef
from broker.model.names import HostName, Moid, parse_host_name
from broker.vsphere.remote import Remote

VNICS = "config.network.vnic"
DNS_HOST = "config.network.dnsConfig.hostName"
DNS_DOMAIN = "config.network.dnsConfig.domainName"
CONNECTION = "runtime.connectionState"
VERSION = "config.product.version"
LOCKDOWN = "config.lockdownMode"

HOST_PATHS = ("name", "parent", CONNECTION, VERSION, LOCKDOWN, DNS_HOST, DNS_DOMAIN, VNICS)
"""Light: about 3 KB a host, most of it the VMkernel adapters that hold its addresses."""

_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){0,5}")
_LOCKDOWN = frozenset({"lockdownDisabled", "lockdownNormal", "lockdownStrict"})
_MAX_ADDRESSES = 64

Shown = Mapping[str, Remote]
"""What vCenter shows of one object, by property path; what it does not show is not there."""


def host_of(ref: HostRef, shown: Shown, ancestors: tuple[Moid, ...]) -> Host | None:
    """The host under the name that vCenter gives it.

    A name outside the grammar (vCenter writes a slash as %2f, and takes nearly any text) names
    nobody: the host is then known by its DNS name or address, or, without one, is None.
    """
    addresses = tuple(dict.fromkeys(_addresses(shown)))[:_MAX_ADDRESSES]
    name = _name(shown.get("name")) or next(iter(addresses), None)
    if name is None:
        return None
    return Host(
        ref=ref,
        name=name,
        addresses=tuple(a for a in addresses if a != name),
        ancestors=ancestors,
        connection=_connection(shown.get(CONNECTION)),
        version=_matching(_VERSION, shown.get(VERSION)),
        lockdown=_lockdown(shown.get(LOCKDOWN)),
        self_named=not named_by_vcenter(shown),
    )


def named_by_vcenter(shown: Shown) -> bool:
    """Whether the name that vCenter shows is one that can be asked for."""
    return _name(shown.get("name")) is not None


def _name(text: Remote) -> HostName | None:
    try:
        return parse_host_name(text) if isinstance(text, str) else None
    except InvalidName:
        return None


def _addresses(shown: Shown) -> Iterator[HostName]:
    """The DNS name that the host gives itself, then the addresses of its VMkernel adapters."""
    own, domain = shown.get(DNS_HOST), shown.get(DNS_DOMAIN)
    told = f"{own}.{domain}" if own and domain else own
    if (name := _name(told)) and not name.startswith(
        "localhost"
    ):  # what a host is called before it has a name
        yield name
    for adapter in shown.get(VNICS) or ():
        for text in _addresses_of(adapter):
            if (address := _name(text)) and _is_usable(address):
                yield address


def _addresses_of(adapter: Remote) -> Iterator[str]:
    config = adapter.spec.ip if adapter.spec else None
    if config is None:
        return
    if config.ipAddress:
        yield config.ipAddress
    for address in (config.ipV6Config.ipV6Address or ()) if config.ipV6Config else ():
        yield address.ipAddress


def _is_usable(address: HostName) -> bool:
    """Link-local addresses are the same on many hosts: every host with a BMC has a 169.254.0.x."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast)


def _connection(state: Remote) -> Connection:
    try:
        return Connection(str(state))
    except ValueError:
        return Connection.UNKNOWN


def _matching(grammar: re.Pattern[str], text: Remote) -> str | None:
    return text if isinstance(text, str) and grammar.fullmatch(text) else None


def _lockdown(mode: Remote) -> str | None:
    return str(mode) if str(mode) in _LOCKDOWN else None
