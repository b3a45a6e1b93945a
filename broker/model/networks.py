"""Addresses as sources: what counts as one caller where nobody is authenticated."""

import ipaddress

UNKNOWN = "unknown"


def network_of(address: str) -> str:
    """An IPv4 address as itself, an IPv6 one as its /64, since one host has all of it; else `unknown`."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
