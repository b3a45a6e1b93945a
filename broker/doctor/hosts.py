"""Findings about a host: whether a ticket for it opens anything. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.certificates import Reading, thumbprint_fits
from broker.doctor.catalogue import Check
from broker.doctor.connection import SOON
from broker.doctor.finding import Finding, some
from broker.errors import Reason, Refused
from broker.model.inventory import Connection, Firewall, Host, HostFacts
from broker.model.policy import ReadinessMode, Vcenter
from broker.model.record import JsonValue
from broker.policy.decide import judge_connection


@dataclass(frozen=True, slots=True)
class HostView:
    """One host as it was read. `facts` is None where vCenter told nothing."""

    host: Host
    facts: HostFacts | None
    certificate: Reading | None
    thumbprint: str | None
    """Of the certificate that vCenter knows the host by; None where it does not say."""
    modes: frozenset[ReadinessMode]
    """What the grants that are for it say of a stopped CIM service; empty where none is for it."""

    def found(self, check: Check, text: str, facts: Mapping[str, JsonValue] | None = None) -> Finding:
        """Something about this host."""
        about = {"moid": str(self.host.ref.moid), **(facts or {})}
        return Finding(check, self.host.ref.vcenter, f"host {self.host.name}", text, about)


def of_host(view: HostView, vcenter: Vcenter, now: datetime) -> Iterator[Finding]:
    """Everything about one host."""
    if not view.modes:
        yield view.found(Check.HOST_UNCOVERED, "it is in no scope")
    yield from _connection(view, vcenter)
    if view.host.connection in (Connection.DISCONNECTED, Connection.NOT_RESPONDING):
        return  # the rest is what vCenter remembers of it
    yield from _unreadable(view)
    yield from _lockdown(view)
    if view.facts is not None:
        yield from _service(view, view.facts)
        yield from _firewall(view, view.facts.firewall)
    if view.certificate is not None:
        yield from _certificate(view, view.certificate, now)
        yield from _agreement(view)


_CHECK_OF = {
    Reason.HOST_DISCONNECTED: Check.DISCONNECTED,
    Reason.HOST_VERSION_UNSUPPORTED: Check.UNSUPPORTED,
}


def _connection(view: HostView, vcenter: Vcenter) -> Iterator[Finding]:
    """By the judgement that each request meets."""
    try:
        judge_connection(view.host, vcenter)
    except Refused as refusal:
        yield view.found(_CHECK_OF[refusal.reason], refusal.detail, {"version": view.host.version})


def _unreadable(view: HostView) -> Iterator[Finding]:
    facts = view.facts
    unknown = {
        "its connection": view.host.connection is Connection.UNKNOWN,
        "its version": view.host.version is None,
        "its lockdown mode": view.host.lockdown is None,
        "its CIM service": facts is None or facts.cim_running is None,
        "its firewall": facts is None or facts.firewall.enabled is None,
        "its certificate": facts is None or facts.certificate_pem is None,
    }
    if names := tuple(name for name, missing in unknown.items() if missing):
        yield view.found(Check.UNREADABLE, f"not told: {', '.join(names)}")
    elif view.certificate is None:
        yield view.found(Check.UNREADABLE, "its certificate cannot be read")


def _lockdown(view: HostView) -> Iterator[Finding]:
    if view.host.lockdown is not None:
        off = view.host.lockdown == "lockdownDisabled"
        yield view.found(Check.LOCKDOWN_OFF if off else Check.LOCKED_DOWN, view.host.lockdown)


def _service(view: HostView, facts: HostFacts) -> Iterator[Finding]:
    if facts.cim_running is False:
        advised = view.modes == {ReadinessMode.ADVISE}
        check = Check.CIM_STOPPED_ADVISED if advised else Check.CIM_STOPPED
        yield view.found(check, "sfcbd-watchdog is not running")


def _firewall(view: HostView, firewall: Firewall) -> Iterator[Finding]:
    if firewall.enabled is False:
        yield view.found(Check.RULESET_DISABLED, "the ruleset CIMHttpsServer is disabled")
    elif firewall.all_addresses is True:
        yield view.found(Check.ADDRESSES_ALL, "the ruleset CIMHttpsServer allows all addresses")
    elif firewall.all_addresses is False:
        allowed = list(firewall.allowed)
        text = f"the ruleset CIMHttpsServer allows {some(firewall.allowed) or 'no address'}"
        yield view.found(Check.ADDRESSES_LISTED, text, {"allowed": allowed})


def _agreement(view: HostView) -> Iterator[Finding]:
    pem = view.facts.certificate_pem if view.facts else None
    if pem and view.thumbprint and not thumbprint_fits(view.thumbprint, pem):
        text = "summary.config.sslThumbprint is not of config.certificate"
        yield view.found(Check.HOST_CERTIFICATE_OTHER, text)


def _certificate(view: HostView, certificate: Reading, now: datetime) -> Iterator[Finding]:
    ends = certificate.not_after.isoformat()
    if not certificate.not_before <= now < certificate.not_after:
        span = f"good from {certificate.not_before.isoformat()} to {ends}"
        yield view.found(Check.HOST_CERTIFICATE_ENDED, span, {"not_after": ends})
    elif certificate.not_after - now < SOON:
        yield view.found(Check.HOST_CERTIFICATE_ENDS_SOON, f"it ends at {ends}", {"not_after": ends})
    known = {view.host.name, *view.host.addresses}
    if not certificate.names & known:
        names = sorted(certificate.names)
        text = f"it is for {some(tuple(names)) or 'nobody'}"
        yield view.found(Check.HOST_CERTIFICATE_NAMES, text, {"names": names})
