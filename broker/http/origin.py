"""Where a request comes from, as far as it can be believed."""

import ipaddress
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from flask import Request

from broker.model.issuance import Origin
from broker.model.settings import TlsListener, UnixListener

USER_AGENT_CHARACTERS = 200
UNKNOWN_ADDRESS = "unknown"

OriginReader = Callable[[Request], Origin]


def origin_reader(listener: TlsListener | UnixListener) -> OriginReader:
    """How to read origins on this listener.

    On TLS the address is the socket's peer, whatever headers say. On a Unix socket only the proxy
    can connect, so there, and only there, the last X-Forwarded-For hop is believed.
    """
    match listener:
        case TlsListener():
            return _from_socket
        case UnixListener():
            return _from_proxy


def _from_socket(request: Request) -> Origin:
    return Origin(_address(request.environ.get("REMOTE_ADDR", "")), _user_agent(request))


def _from_proxy(request: Request) -> Origin:
    hops = request.headers.get("X-Forwarded-For", "")
    return Origin(_address(hops.rpartition(",")[2].strip()), _user_agent(request))


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    """The canonical form, an IPv4 address inside an IPv6 one as itself; `unknown` for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return UNKNOWN_ADDRESS
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _user_agent(request: Request) -> str:
    """Clipped, and without control and formatting characters, so that one record stays one line."""
    told = request.headers.get("User-Agent", "")[:USER_AGENT_CHARACTERS]
    if told.isascii() and told.isprintable():
        return told
    return "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else "?" for c in told)
