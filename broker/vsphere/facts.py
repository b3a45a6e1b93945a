"""What is read from a host on demand: its CIM service, its firewall's ruleset, its certificate."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.errors import Reason, Refused
from broker.model.inventory import Firewall, Host, HostFacts, HostRef
from broker.ports.clock import Clock
from broker.vsphere.connection import Link
from broker.vsphere.flights import Flights
from broker.vsphere.properties import properties_of_each
from broker.vsphere.remote import Remote
from broker.vsphere.sessions import Session

MAX_AGE_S = 60.0
"""What is read of a host is kept for so long."""

SLOW_MAX_AGE_S = 600.0
"""What changes with an admin's work only, and is nearly all that there is to read, is kept longer.

A firewall only warns; a certificate is held against the thumbprint that each ticket brings, and
read anew where they do not agree.
"""

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


@dataclass(frozen=True, slots=True)
class _Slow:
    """What is kept longer, and since when."""

    firewall: Firewall
    certificate_pem: str | None
    at: float


class Facts:
    """Facts of the hosts that one account sees, each kept for a while."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._slow: dict[HostRef, _Slow] = {}
        self._flights: Flights[HostRef, HostFacts] = Flights(
            MAX_AGE_S, session.gate, clock, self._read, TOGETHER
        )

    def of(self, host: Host) -> HostFacts:
        """The host's facts. Raises Refused, LogUnavailable."""
        return self._flights.get(host.ref)

    def expect(self, hosts: Iterable[Host]) -> bool:
        """See `Hosts.expect_facts`."""
        return self._flights.expect(host.ref for host in hosts)

    def known(self, host: Host) -> HostFacts | None:
        """The host's facts as far as they are kept; None where they would have to be read."""
        return self._flights.kept(host.ref)

    def forget(self, host: Host) -> None:
        """Read the host's facts anew next time, all of them."""
        self._slow.pop(host.ref, None)
        self._flights.forget(host.ref)

    def _read(self, refs: Sequence[HostRef]) -> dict[HostRef, HostFacts | Refused]:
        """One call; whom it does not serve is asked about alone, since one host may be to blame."""
        told: dict[HostRef, HostFacts | Refused] = {}
        try:
            told.update(self._session.run(lambda link: self._told(link, refs)))
        except Refused as refusal:
            if len(refs) == 1 or refusal.reason not in _ONE_HOSTS:
                raise
        for ref in refs:
            if ref not in told:
                told[ref] = self._read_alone(ref)
        return told

    def _read_alone(self, ref: HostRef) -> HostFacts | Refused:
        try:
            return self._session.run(lambda link: self._told(link, [ref]))[ref]
        except Refused as refusal:
            return refusal

    def _told(self, link: Link, refs: Sequence[HostRef]) -> dict[HostRef, HostFacts]:
        """What vCenter says, in one call. Of one host alone silence is an answer: all is unknown."""
        now = self._clock.monotonic()
        kept = {ref: slow for ref in refs if (slow := self._slow.get(ref)) and now - slow.at < SLOW_MAX_AGE_S}
        paths = [_SERVICES] if len(kept) == len(refs) else [_SERVICES, _RULESETS, _CERTIFICATE]
        told = properties_of_each(link.content, [link.host(ref) for ref in refs], paths)
        answered = [ref for ref in refs if ref.moid in told or len(refs) == 1]
        if len(kept) < len(refs):
            kept = {ref: _slow(told.get(ref.moid, {}), now) for ref in answered}
            self._slow.update({ref: slow for ref, slow in kept.items() if slow.certificate_pem})
        return {ref: _facts(told.get(ref.moid, {}), kept[ref]) for ref in answered}


def read_facts(link: Link, refs: Sequence[HostRef]) -> Mapping[HostRef, HostFacts]:
    """Facts of these hosts, read now in one call; what vCenter says nothing of is left out."""
    subjects = [link.host(ref) for ref in refs]
    told = properties_of_each(link.content, subjects, [_SERVICES, _RULESETS, _CERTIFICATE])
    return {ref: _facts(told[ref.moid], _slow(told[ref.moid], 0.0)) for ref in refs if ref.moid in told}


def _slow(shown: Mapping[str, Remote], now: float) -> _Slow:
    # the whole firewall is parsed for its one ruleset: a path cannot name an element
    return _Slow(_firewall(_keyed(shown.get(_RULESETS), CIM_RULESET)), _pem(shown.get(_CERTIFICATE)), now)


def _facts(shown: Mapping[str, Remote], slow: _Slow) -> HostFacts:
    return HostFacts(
        cim_running=_flag(_keyed(shown.get(_SERVICES), CIM_SERVICE), "running"),
        firewall=slow.firewall,
        certificate_pem=slow.certificate_pem,
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
