"""Facts of a host: read together, kept for a while, unknown where vCenter is silent."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from pyVmomi import vim

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.inventory import Firewall
from broker.model.policy import Vcenter
from broker.vsphere.facts import Facts
from broker.vsphere.flights import landed
from tests.support.clock import HandClock
from tests.support.scripted_vcenter import ScriptedVcenter, drop, fixed, shown
from tests.support.vcenter_entries import gate_of, host_entry, until
from tests.vsphere.conftest import OpenSession

Remote = Any
HOST = host_entry("host-1")
HOST_SYSTEM = vim.HostSystem("host-1")
READ = "RetrievePropertiesEx"
PEM = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
Ruleset = vim.host.Ruleset


def service(key: str, *, running: bool) -> Remote:
    return vim.host.Service(
        key=key, label=key, required=False, uninstallable=False, running=running, ruleset=[], policy="on"
    )


def ruleset(key: str, *, enabled: bool, hosts: Remote = None) -> Remote:
    rule = Ruleset.Rule(port=5989, direction="inbound", portType="dst", protocol="tcp")
    return Ruleset(
        key=key, label=key, required=False, rule=[rule], service="", enabled=enabled, allowedHosts=hosts
    )


def usual(**more: Remote) -> dict[str, Remote]:
    everyone = Ruleset.IpList(allIp=True)
    values: dict[str, Remote] = {
        "config.service.service": [service("slpd", running=False), service("sfcbd-watchdog", running=True)],
        "config.firewall.ruleset": [ruleset("CIMHttpsServer", enabled=True, hosts=everyone)],
        "config.certificate": vim.host.ConfigInfo._GetPropertyInfo("certificate").type(PEM.encode()),
    }
    return {**values, **{name.replace("_", "."): value for name, value in more.items()}}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def facts(scripted: ScriptedVcenter, open_session: OpenSession, clock: HandClock) -> Facts:
    session = open_session(clock=clock)
    session.run(lambda _: None)
    scripted.answers[READ] = fixed(shown(HOST_SYSTEM, usual()))
    return Facts(session, clock)


def reads(scripted: ScriptedVcenter) -> int:
    return scripted.calls.count(READ) - 1


def test_a_ready_host_says_so(facts: Facts) -> None:
    read = facts.of(HOST)
    assert read.cim_running is True
    assert read.firewall == Firewall(enabled=True, all_addresses=True, allowed=())
    assert read.certificate_pem == PEM


def test_facts_are_read_in_one_call_and_kept_for_a_minute(
    facts: Facts, scripted: ScriptedVcenter, clock: HandClock
) -> None:
    facts.of(HOST)
    clock.advance(59)
    facts.of(HOST)
    assert reads(scripted) == 1
    clock.advance(1)
    facts.of(HOST)
    assert reads(scripted) == 2


def test_forgotten_facts_are_read_anew(facts: Facts, scripted: ScriptedVcenter) -> None:
    facts.of(HOST)
    facts.forget(HOST)
    facts.of(HOST)
    assert reads(scripted) == 2


RENEWED = PEM.replace("TUlJ", "TUlK")


def renew(scripted: ScriptedVcenter) -> None:
    """Let vCenter show another certificate, a closed firewall and a stopped service."""
    kind = vim.host.ConfigInfo._GetPropertyInfo("certificate").type
    told = usual(config_certificate=kind(RENEWED.encode()))
    told["config.firewall.ruleset"] = [ruleset("CIMHttpsServer", enabled=False)]
    told["config.service.service"] = [service("sfcbd-watchdog", running=False)]
    scripted.answers[READ] = fixed(shown(HOST_SYSTEM, told))


def test_certificate_and_firewall_are_read_again_after_ten_minutes_only(
    facts: Facts, scripted: ScriptedVcenter, clock: HandClock
) -> None:
    facts.of(HOST)
    renew(scripted)
    clock.advance(60)
    minute_old = facts.of(HOST)
    clock.advance(541)
    read_again = facts.of(HOST)
    assert (minute_old.cim_running, minute_old.firewall.enabled) == (False, True)
    assert minute_old.certificate_pem == PEM
    assert (read_again.firewall.enabled, read_again.certificate_pem) == (False, RENEWED)


def test_a_forgotten_certificate_is_read_anew(facts: Facts, scripted: ScriptedVcenter) -> None:
    facts.of(HOST)
    renew(scripted)
    facts.forget(HOST)
    assert facts.of(HOST).certificate_pem == RENEWED


def test_a_certificate_that_was_not_shown_is_asked_for_in_a_minute(
    facts: Facts, scripted: ScriptedVcenter, clock: HandClock
) -> None:
    scripted.answers[READ] = fixed(shown(HOST_SYSTEM, {}))
    assert facts.of(HOST).certificate_pem is None
    scripted.answers[READ] = fixed(shown(HOST_SYSTEM, usual()))
    clock.advance(60)
    assert facts.of(HOST).certificate_pem == PEM


def test_known_facts_are_those_of_the_last_minute_and_ask_nothing(
    facts: Facts, scripted: ScriptedVcenter, clock: HandClock
) -> None:
    assert facts.known(HOST) is None
    read = facts.of(HOST)
    clock.advance(59)
    assert facts.known(HOST) is read
    clock.advance(1)
    assert facts.known(HOST) is None
    assert reads(scripted) == 1


def test_what_vcenter_does_not_show_is_unknown_and_not_false(facts: Facts, scripted: ScriptedVcenter) -> None:
    scripted.answers[READ] = fixed(shown(HOST_SYSTEM, {}))
    read = facts.of(HOST)
    assert read.cim_running is None
    assert read.firewall == Firewall(enabled=None, all_addresses=None, allowed=())
    assert read.certificate_pem is None


def test_no_answer_at_all_is_unknown_too(facts: Facts, scripted: ScriptedVcenter) -> None:
    scripted.answers[READ] = fixed(None)
    assert facts.of(HOST).cim_running is None


def test_a_host_without_the_service_or_the_ruleset_is_unknown(
    facts: Facts, scripted: ScriptedVcenter
) -> None:
    scripted.answers[READ] = fixed(
        shown(
            HOST_SYSTEM,
            usual(
                config_service_service=[service("slpd", running=True)],
                config_firewall_ruleset=[ruleset("sshServer", enabled=True)],
            ),
        )
    )
    read = facts.of(HOST)
    assert (read.cim_running, read.firewall.enabled) == (None, None)


def test_a_stopped_service_and_a_closed_ruleset_are_told(facts: Facts, scripted: ScriptedVcenter) -> None:
    only = Ruleset.IpList(
        allIp=False,
        ipAddress=["192.0.2.7", "not an address"],
        ipNetwork=[
            Ruleset.IpNetwork(network="192.0.2.0", prefixLength=25),
            Ruleset.IpNetwork(network="<b>", prefixLength=3),
        ],
    )
    scripted.answers[READ] = fixed(
        shown(
            HOST_SYSTEM,
            usual(
                config_service_service=[service("sfcbd-watchdog", running=False)],
                config_firewall_ruleset=[ruleset("CIMHttpsServer", enabled=False, hosts=only)],
            ),
        )
    )
    read = facts.of(HOST)
    assert read.cim_running is False
    assert read.firewall == Firewall(
        enabled=False, all_addresses=False, allowed=("192.0.2.7", "192.0.2.0/25")
    )


@pytest.mark.parametrize("octets", [b"\xff\xfe", b"x" * 500, b""], ids=["no text", "huge", "empty"])
def test_a_certificate_that_is_none_is_unknown(
    facts: Facts, scripted: ScriptedVcenter, octets: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.vsphere.facts._MAX_PEM", 499)
    kind = vim.host.ConfigInfo._GetPropertyInfo("certificate").type
    signed = kind([octet - 256 if octet > 127 else octet for octet in octets])
    scripted.answers[READ] = fixed(shown(HOST_SYSTEM, usual(config_certificate=signed)))
    assert facts.of(HOST).certificate_pem is None


def test_those_who_ask_at_the_same_time_share_one_reading(facts: Facts, scripted: ScriptedVcenter) -> None:
    go = threading.Event()
    answer = shown(HOST_SYSTEM, usual())

    def slow(_request: str) -> Remote:
        assert go.wait(10)
        return answer

    scripted.answers[READ] = slow
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(facts.of, HOST) for _ in range(6)]
        until(lambda: reads(scripted) == 1)
        go.set()
        assert {f.result(5).cim_running for f in asked} == {True}
    assert reads(scripted) == 1


def test_those_who_ask_at_the_same_time_share_a_refusal_and_the_next_asks_anew(
    facts: Facts, scripted: ScriptedVcenter
) -> None:
    go = threading.Event()

    def slow(request: str) -> Remote:
        assert go.wait(10)
        return drop(request)

    scripted.answers[READ] = slow
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(facts.of, HOST) for _ in range(2)]
        until(lambda: reads(scripted) == 1)
        go.set()
        errors = [f.exception(5) for f in asked]
    assert [e.reason for e in errors if isinstance(e, Refused)] == [Reason.VCENTER_UNAVAILABLE] * 2
    scripted.answers[READ] = fixed(shown(HOST_SYSTEM, usual()))
    assert facts.of(HOST).cim_running is True


def test_those_who_share_a_reading_share_that_the_store_is_gone(entry: Vcenter) -> None:
    flight: Future[None] = Future()
    flight.set_exception(LogUnavailable("disk full"))
    with pytest.raises(LogUnavailable) as refusal:
        landed(flight, gate_of(entry))
    assert refusal.value.detail == "disk full"


def test_a_host_of_another_vcenter_is_not_read(facts: Facts, scripted: ScriptedVcenter) -> None:
    facts.of(HOST)
    other = host_entry("host-1", uuid="11111111-9de0-40cb-9c47-61d494229f4f")
    with pytest.raises(Refused) as refusal:
        facts.of(other)
    assert (refusal.value.reason, reads(scripted)) == (Reason.INVENTORY_STALE, 1)
    assert facts.known(other) is None


def test_a_reading_that_was_forgotten_while_it_ran_is_not_kept(
    facts: Facts, scripted: ScriptedVcenter
) -> None:
    go = threading.Event()
    answer = shown(HOST_SYSTEM, usual())

    def slow(_request: str) -> Remote:
        assert go.wait(10)
        return answer

    scripted.answers[READ] = slow
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(facts.of, HOST)
        until(lambda: reads(scripted) == 1)
        facts.forget(HOST)
        go.set()
        asked.result(5)
    facts.of(HOST)
    assert reads(scripted) == 2
