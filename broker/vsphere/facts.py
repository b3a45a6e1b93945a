"""What is read from a host on demand: its CIM service, its firewall's ruleset, its certificate."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence

from broker.errors import Reason, Refused
from broker.model.inventory import Firewall, Host, HostFacts, HostRef
from broker.ports.clock import Clock
from broker.vsphere.connection import Link
from broker.vsphere.flights import Flights
from broker.vsphere.properties import properties_of_each
from broker.vsphere.remote import Remote
from broker.vsphere.sessions import Session

MAX_AGE_S = 60.0
CIM_SERVICE = "sfcbd-watchdog"
CIM_RULESET = "CIMHttpsServer"

TOGETHER = 8
"""Hosts in one reading, where more are expected: some 100 KB each, and who asked for one waits for all."""

_SERVICES = "config.service.service"
_RULESETS = "config.firewall.ruleset"
_CERTIFICATE = "config.certificate"
_ONE_HOSTS = frozenset({Reason.VCENTER_FAULT, Reason.INVENTORY_STALE, Reason.NOT_APPLIED})
"""Refusals of a whole reading for which one of its hosts may be to blame."""
_MAX_ALLOWED = 100
_MAX_PEM = 64 * 1024


class Facts:
    """Facts of the hosts that one account sees, each kept for a minute."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._flights: Flights[HostRef, HostFacts] = Flights(
            MAX_AGE_S, session.gate, clock, self._read, TOGETHER
        )

    def of(self, host: Host) -> HostFacts:
        """The host's facts. Raises Refused, LogUnavailable."""
        return self._flights.get(host.ref)

    def expect(self, hosts: Iterable[Host]) -> None:
        """See `Hosts.expect_facts`."""
        self._flights.expect(host.ref for host in hosts)

    def known(self, host: Host) -> HostFacts | None:
        """The host's facts as far as they are kept; None where they would have to be read."""
        return self._flights.kept(host.ref)

    def forget(self, host: Host) -> None:
        """Read the host's facts anew next time."""
        self._flights.forget(host.ref)

    def _read(self, refs: Sequence[HostRef]) -> dict[HostRef, HostFacts | Refused]:
        """One call; whom it does not serve is asked about alone, since one host may be to blame."""
        told: dict[HostRef, HostFacts | Refused] = {}
        try:
            told.update(self._session.run(lambda link: _read(link, refs)))
        except Refused as refusal:
            if len(refs) == 1 or refusal.reason not in _ONE_HOSTS:
                raise
        for ref in refs:
            if ref not in told:
                told[ref] = self._read_alone(ref)
        return told

    def _read_alone(self, ref: HostRef) -> HostFacts | Refused:
        try:
            return self._session.run(lambda link: _read(link, [ref]))[ref]
        except Refused as refusal:
            return refusal


def _read(link: Link, refs: Sequence[HostRef]) -> dict[HostRef, HostFacts]:
    """What vCenter says, in one call. Of one host alone silence is an answer: all is unknown."""
    hosts = [link.host(ref) for ref in refs]
    # the whole firewall is parsed for its one ruleset: a path cannot name an element
    told = properties_of_each(link.content, hosts, [_SERVICES, _RULESETS, _CERTIFICATE])
    return {ref: _facts(told.get(ref.moid, {})) for ref in refs if ref.moid in told or len(refs) == 1}


def _facts(shown: Mapping[str, Remote]) -> HostFacts:
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
