"""What is read from a host on demand: its CIM service, its firewall's ruleset, its certificate."""

import ipaddress
from collections.abc import Iterator

from broker.model.inventory import Firewall, Host, HostFacts, HostRef
from broker.ports.clock import Clock
from broker.vsphere.connection import Link
from broker.vsphere.flights import Flights
from broker.vsphere.properties import properties_of
from broker.vsphere.remote import Remote
from broker.vsphere.sessions import Session

MAX_AGE_S = 60.0
CIM_SERVICE = "sfcbd-watchdog"
CIM_RULESET = "CIMHttpsServer"

_SERVICES = "config.service.service"
_RULESETS = "config.firewall.ruleset"
_CERTIFICATE = "config.certificate"
_MAX_ALLOWED = 100
_MAX_PEM = 64 * 1024


class Facts:
    """Facts of the hosts that one account sees, each kept for a minute."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._flights: Flights[HostRef, HostFacts] = Flights(MAX_AGE_S, session.gate, clock)

    def of(self, host: Host) -> HostFacts:
        """The host's facts. Raises Refused, LogUnavailable."""
        ref = host.ref
        return self._flights.get(ref, lambda: self._session.run(lambda link: _read(link, ref)))

    def known(self, host: Host) -> HostFacts | None:
        """The host's facts as far as they are kept; None where they would have to be read."""
        return self._flights.kept(host.ref)

    def forget(self, host: Host) -> None:
        """Read the host's facts anew next time."""
        self._flights.forget(host.ref)


def _read(link: Link, ref: HostRef) -> HostFacts:
    # the whole firewall is parsed for its one ruleset: a path cannot name an element
    shown = properties_of(link.content, link.host(ref), [_SERVICES, _RULESETS, _CERTIFICATE])
    return HostFacts(
        cim_running=_flag(_keyed(shown.get(_SERVICES), CIM_SERVICE), "running"),
        firewall=_firewall(_keyed(shown.get(_RULESETS), CIM_RULESET)),
        certificate_pem=_pem(shown.get(_CERTIFICATE)),
    )


def _keyed(entries: Remote, key: str) -> Remote:
    return next((e for e in entries or () if e.key == key), None)


def _flag(entry: Remote, name: str) -> bool | None:
    value = getattr(entry, name, None)
    return value if isinstance(value, bool) else None


def _firewall(ruleset: Remote) -> Firewall:
    hosts = getattr(ruleset, "allowedHosts", None)
    allowed = tuple(_allowed(hosts)) if hosts is not None else ()
    return Firewall(_flag(ruleset, "enabled"), _flag(hosts, "allIp"), allowed[:_MAX_ALLOWED])


def _allowed(hosts: Remote) -> Iterator[str]:
    told = [*(hosts.ipAddress or ()), *(f"{n.network}/{n.prefixLength}" for n in hosts.ipNetwork or ())]
    for text in told:
        try:
            yield str(ipaddress.ip_network(text, strict=False) if "/" in text else ipaddress.ip_address(text))
        except ValueError:
            continue


def _pem(octets: Remote) -> str | None:
    """HostSystem.config.certificate comes as signed bytes."""
    if not octets or len(octets) > _MAX_PEM:
        return None
    try:
        return bytes(octet & 0xFF for octet in octets).decode("ascii")
    except UnicodeDecodeError:
        return None
