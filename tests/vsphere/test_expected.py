"""Hosts that are expected are asked about along with the first of them, to nobody's harm."""

import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from broker.errors import Reason, Refused
from broker.model.inventory import Host
from broker.vsphere.facts import TOGETHER, Facts
from broker.vsphere.proof import Proofs
from tests.support.clock import HandClock
from tests.support.scripted_vcenter import ScriptedVcenter, all_shown, drop, fault
from tests.support.vcenter_entries import host_entry, until
from tests.vsphere.conftest import OpenSession

Remote = Any
READ = "RetrievePropertiesEx"
FETCH = "FetchUserPrivilegeOnEntities"
CIM = "Host.Cim.CimInteraction"


def hosts(numbers: Iterable[int]) -> list[Host]:
    return [host_entry(f"host-{number}") for number in numbers]


def moids(numbers: Iterable[int]) -> list[str]:
    return [f"host-{number}" for number in numbers]


class Answers:
    """Tells whatever is asked of every host, notes which were asked together, and holds back at its gate."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.gone: set[str] = set()
        self.silent: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def properties(self, request: str) -> Remote:
        told = self._told(r"<obj[^>]*>([^<]*)</obj>", request)
        return all_shown({vim.HostSystem(moid): {} for moid in told}) if told else None

    def privileges(self, request: str) -> Remote:
        result: Remote = vim.AuthorizationManager.UserPrivilegeResult
        return [
            result(entity=(vim.Folder if moid == "group-d1" else vim.HostSystem)(moid), privileges=[CIM])
            for moid in self._told(r"<entities[^>]*>([^<]*)</entities>", request)
        ]

    def _told(self, pattern: str, request: str) -> list[str]:
        asked = re.findall(pattern, request)
        self.asked.append([moid for moid in asked if moid != "group-d1"])
        assert self.gate.wait(10)
        if self.gone & set(asked):
            raise vmodl.fault.ManagedObjectNotFound(obj=vim.HostSystem("host-0"))
        return [moid for moid in asked if moid not in self.silent]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def told() -> Answers:
    return Answers()


@pytest.fixture
def facts(scripted: ScriptedVcenter, open_session: OpenSession, clock: HandClock, told: Answers) -> Facts:
    session = open_session(clock=clock)
    session.run(lambda _: None)
    scripted.answers[READ] = told.properties
    return Facts(session, clock)


@pytest.fixture
def proofs(scripted: ScriptedVcenter, open_session: OpenSession, clock: HandClock, told: Answers) -> Proofs:
    scripted.answers[FETCH] = told.privileges
    return Proofs(open_session(clock=clock), clock, 30)


def test_expected_facts_are_read_a_few_at_a_time_in_their_order(facts: Facts, told: Answers) -> None:
    assert facts.expect(hosts(range(20)))
    assert told.asked == []

    for host in hosts(range(20)):
        facts.of(host)

    assert [len(asked) for asked in told.asked] == [TOGETHER, TOGETHER, 20 - 2 * TOGETHER]
    assert [moid for asked in told.asked for moid in asked] == moids(range(20))
    assert not facts.expect(hosts(range(20)))


def test_facts_that_nobody_expects_are_read_alone(facts: Facts, told: Answers) -> None:
    facts.expect(hosts(range(3)))

    facts.of(host_entry("host-9"))

    assert told.asked == [["host-9"]]


def test_facts_that_are_known_are_not_read_again_for_being_expected(facts: Facts, told: Answers) -> None:
    facts.of(host_entry("host-1"))
    facts.expect(hosts(range(3)))
    facts.of(host_entry("host-0"))

    assert told.asked == [["host-1"], ["host-0", "host-2"]]


def test_whoever_asks_for_a_host_that_is_read_along_waits_for_that_reading(
    facts: Facts, told: Answers
) -> None:
    facts.expect(hosts(range(4)))
    told.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(facts.of, host_entry("host-0"))
        until(lambda: len(told.asked) == 1)
        others = [pool.submit(facts.of, host) for host in hosts((1, 2, 3))]
        told.gate.set()
        assert all(reading.result(5).cim_running is None for reading in (first, *others))
    assert told.asked == [moids(range(4))]


def test_a_host_that_is_gone_spoils_nobody_elses_facts(facts: Facts, told: Answers) -> None:
    told.gone = {"host-1"}
    facts.expect(hosts(range(3)))

    facts.of(host_entry("host-0"))
    with pytest.raises(Refused) as refusal:
        facts.of(host_entry("host-1"))
    facts.of(host_entry("host-2"))

    assert refusal.value.reason is Reason.VCENTER_FAULT
    assert told.asked == [moids(range(3)), *([moid] for moid in moids(range(3))), ["host-1"]]


def test_a_host_that_a_long_answer_leaves_out_is_read_alone(facts: Facts, told: Answers) -> None:
    told.silent = {"host-1"}
    facts.expect(hosts(range(3)))

    for host in hosts(range(3)):
        assert facts.of(host).cim_running is None

    assert told.asked == [moids(range(3)), ["host-1"]]


def test_vcenters_own_trouble_is_everyones_and_asked_for_once(
    facts: Facts, told: Answers, scripted: ScriptedVcenter
) -> None:
    scripted.answers[READ] = drop
    facts.expect(hosts(range(3)))
    calls = scripted.calls.count(READ)

    with pytest.raises(Refused) as refusal:
        facts.of(host_entry("host-0"))

    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert scripted.calls.count(READ) == calls + 1
    scripted.answers[READ] = told.properties
    assert facts.of(host_entry("host-2")).cim_running is None


def test_facts_that_were_forgotten_while_they_were_read_along_are_read_anew(
    facts: Facts, told: Answers
) -> None:
    facts.expect(hosts(range(2)))
    told.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(facts.of, host_entry("host-0"))
        until(lambda: len(told.asked) == 1)
        facts.forget(host_entry("host-1"))
        told.gate.set()
        first.result(5)
    facts.of(host_entry("host-1"))
    assert told.asked == [["host-0", "host-1"], ["host-1"]]


def test_expected_proofs_come_with_the_call_for_the_first(proofs: Proofs, told: Answers) -> None:
    assert proofs.expect(hosts(range(100)))
    assert told.asked == []

    ages = [proofs.prove(host).age_s for host in hosts(range(100))]

    assert told.asked == [moids(range(100))]
    assert set(ages) == {0}
    assert not proofs.expect(hosts(range(100)))


def test_no_call_asks_about_more_hosts_than_vcenter_is_asked_at_once(
    proofs: Proofs, told: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.vsphere.proof.BATCH", 8)
    proofs.expect(hosts(range(20)))

    for host in hosts(range(20)):
        proofs.prove(host)

    assert [len(asked) for asked in told.asked] == [8, 8, 4]


def test_a_proof_that_nobody_expects_takes_nobody_along(proofs: Proofs, told: Answers) -> None:
    proofs.expect(hosts(range(3)))

    proofs.prove(host_entry("host-9"))

    assert told.asked == [["host-9"]]


def test_a_proof_that_lasts_for_a_while_is_not_asked_for_again(
    proofs: Proofs, told: Answers, clock: HandClock
) -> None:
    proofs.prove(host_entry("host-1"))
    clock.advance(10)
    proofs.prove(host_entry("host-2"))
    clock.advance(13)
    assert not proofs.expect(hosts((1, 2)))
    clock.advance(1)
    assert proofs.expect(hosts(range(3)))

    proofs.prove(host_entry("host-0"))

    assert told.asked[-1] == ["host-0", "host-1"]


def test_a_proof_that_came_along_ages_from_its_call_and_holds_until_it_is_dropped(
    proofs: Proofs, told: Answers, clock: HandClock
) -> None:
    proofs.expect(hosts(range(3)))
    proofs.prove(host_entry("host-0"))
    clock.advance(12)
    assert proofs.prove(host_entry("host-1")).age_s == 12
    proofs.drop(host_entry("host-2"))
    assert proofs.prove(host_entry("host-2")).age_s == 0
    assert told.asked == [moids(range(3)), ["host-2"]]


def test_a_proof_that_came_along_is_kept_until_it_is_asked_for(
    proofs: Proofs, told: Answers, clock: HandClock
) -> None:
    proofs.expect(hosts(range(2)))
    proofs.prove(host_entry("host-0"))
    clock.advance(5)
    proofs.refresh()
    proofs.prove(host_entry("host-1"))
    assert len(told.asked) == 1


def test_where_every_ticket_needs_a_proof_of_its_own_nobody_is_asked_about_ahead(
    scripted: ScriptedVcenter, open_session: OpenSession, told: Answers, clock: HandClock
) -> None:
    scripted.answers[FETCH] = told.privileges
    proofs = Proofs(open_session(clock=clock), clock, 0)
    assert not proofs.expect(hosts(range(3)))

    for host in hosts(range(3)):
        proofs.prove(host)

    assert told.asked == [["host-0"], ["host-1"], ["host-2"]]


def test_an_expected_host_that_is_gone_spoils_nobody_elses_proof(proofs: Proofs, told: Answers) -> None:
    told.gone = {"host-1"}
    proofs.expect(hosts(range(3)))

    proofs.prove(host_entry("host-0"))
    proofs.prove(host_entry("host-2"))

    assert told.asked[0] == moids(range(3))
    with pytest.raises(Refused):
        proofs.prove(host_entry("host-1"))


def test_a_call_for_all_that_fails_is_no_proof_of_any(
    proofs: Proofs, told: Answers, scripted: ScriptedVcenter
) -> None:
    scripted.answers[FETCH] = fault(vmodl.fault.NotSupported())
    proofs.expect(hosts(range(2)))
    with pytest.raises(Refused):
        proofs.prove(host_entry("host-0"))
    scripted.answers[FETCH] = told.privileges
    proofs.prove(host_entry("host-1"))
    assert told.asked == [["host-1"]]
