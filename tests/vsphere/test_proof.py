"""Proofs: what vCenter says, shared by those who ask at the same time, never older than allowed."""

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from broker.errors import Reason, Refused
from broker.model.inventory import Host
from broker.model.policy import Vcenter
from broker.vsphere.gate import Patience
from broker.vsphere.proof import Proofs
from tests.support.clock import HandClock
from tests.support.scripted_vcenter import USER, ScriptedVcenter, drop, fault, fixed, raw
from tests.support.vcenter_entries import gate_of, host_entry, until
from tests.vsphere.conftest import OpenSession

Remote = Any
FETCH = "FetchUserPrivilegeOnEntities"
CIM = "Host.Cim.CimInteraction"
HOST = host_entry("host-1")


class Privileges:
    """Answers for whatever is asked; what a test changes is told from the next call on."""

    def __init__(self) -> None:
        self.on_host: Sequence[str] = [CIM, "System.View"]
        self.on_root: Sequence[str] = ["System.View"]
        self.gone: set[str] = set()
        self.asked: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, request: str) -> Remote:
        moids = re.findall(r"<entities[^>]*>([^<]*)</entities>", request)
        self.asked.append(moids)
        assert self.gate.wait(10)
        if self.gone & set(moids):
            raise vmodl.fault.ManagedObjectNotFound(obj=vim.HostSystem("host-0"))
        return [result(m, self.on_root if m == "group-d1" else self.on_host) for m in moids]


def result(moid: str, privileges: Sequence[str]) -> Remote:
    kind = vim.Folder if moid.startswith("group") else vim.HostSystem
    return vim.AuthorizationManager.UserPrivilegeResult(entity=kind(moid), privileges=list(privileges))


@pytest.fixture
def told(scripted: ScriptedVcenter) -> Privileges:
    told = Privileges()
    scripted.answers[FETCH] = told
    return told


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def prover(open_session: OpenSession, clock: HandClock) -> Callable[..., Proofs]:
    return lambda max_age_s, **parts: Proofs(open_session(clock=clock, **parts), clock, max_age_s)


Prover = Callable[..., Proofs]


def test_a_proof_says_what_is_held_on_the_host_and_on_the_root_folder(
    told: Privileges, prover: Prover, scripted: ScriptedVcenter
) -> None:
    proof = prover(30).prove(HOST)
    assert proof.host_privileges == {CIM, "System.View"}
    assert proof.root_privileges == {"System.View"}
    assert proof.age_s == 0
    assert re.fullmatch(r"[0-9a-f]{64}", proof.digest)
    assert told.asked == [["host-1", "group-d1"]]
    assert f">{USER}</userName>" in scripted.requests[-1]


def test_equal_privileges_have_equal_digests_and_others_have_not(told: Privileges, prover: Prover) -> None:
    proofs = prover(0)
    first = proofs.prove(HOST).digest
    told.on_host = list(reversed(told.on_host))
    assert proofs.prove(HOST).digest == first
    told.on_root = [*told.on_root, CIM]
    assert proofs.prove(HOST).digest != first


def test_holding_nothing_is_an_answer(told: Privileges, prover: Prover) -> None:
    told.on_host, told.on_root = [], []
    proof = prover(30).prove(HOST)
    assert (proof.host_privileges, proof.root_privileges) == (frozenset(), frozenset())


def test_a_proof_serves_until_it_is_too_old(told: Privileges, prover: Prover, clock: HandClock) -> None:
    proofs = prover(30)
    proofs.prove(HOST)
    clock.advance(29)
    assert proofs.prove(HOST).age_s == 29
    clock.advance(1)
    assert proofs.prove(HOST).age_s == 0
    assert len(told.asked) == 2


def test_a_setting_of_zero_asks_for_every_ticket(told: Privileges, prover: Prover) -> None:
    proofs = prover(0)
    for _ in range(3):
        proofs.prove(HOST)
    assert len(told.asked) == 3


def test_a_proof_is_good_for_a_ticket_until_it_is_too_old(
    told: Privileges, prover: Prover, clock: HandClock
) -> None:
    proofs = prover(30)
    proofs.prove(HOST)
    clock.advance(30)
    proofs.check(HOST)
    clock.advance(0.5)
    with pytest.raises(Refused) as refusal:
        proofs.check(HOST)
    assert refusal.value.reason is Reason.UNPROVEN


def test_a_dropped_proof_is_asked_for_again(told: Privileges, prover: Prover) -> None:
    proofs = prover(30)
    proofs.prove(HOST)
    proofs.drop(HOST)
    told.on_host = []
    assert proofs.prove(HOST).host_privileges == frozenset()


def test_an_answer_that_was_under_way_when_the_proof_was_dropped_is_not_kept(
    told: Privileges, prover: Prover
) -> None:
    proofs = prover(30)
    told.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(proofs.prove, HOST)
        until(lambda: len(told.asked) == 1)
        proofs.drop(HOST)
        told.gate.set()
        under_way.result(5)
    proofs.prove(HOST)
    assert len(told.asked) == 2


def test_requests_that_come_while_a_call_runs_share_the_next_one(told: Privileges, prover: Prover) -> None:
    proofs = prover(30)
    told.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(proofs.prove, HOST)
        until(lambda: len(told.asked) == 1)
        others = [pool.submit(proofs.prove, host_entry(f"host-{n}")) for n in (2, 3, 4, 2, 1)]
        until(lambda: len(proofs._next.flights) == 3)
        told.gate.set()
        assert all(f.result(5).host_privileges for f in (first, *others))
    assert len(told.asked) == 2
    assert set(told.asked[1]) == {"host-2", "host-3", "host-4", "group-d1"}


def test_with_zero_a_request_does_not_use_a_call_that_was_sent_before_it(
    told: Privileges, prover: Prover
) -> None:
    proofs = prover(0)
    told.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(proofs.prove, HOST)
        until(lambda: len(told.asked) == 1)
        second = pool.submit(proofs.prove, HOST)
        until(lambda: len(proofs._next.flights) == 1)
        told.gate.set()
        first.result(5)
        second.result(5)
    assert len(told.asked) == 2


def test_a_host_that_is_gone_spoils_nobody_elses_proof(told: Privileges, prover: Prover) -> None:
    proofs = prover(30)
    told.gone = {"host-3"}
    told.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(proofs.prove, HOST)
        until(lambda: len(told.asked) == 1)
        others = {n: pool.submit(proofs.prove, host_entry(f"host-{n}")) for n in (2, 3, 4, 5)}
        until(lambda: len(proofs._next.flights) == 4)
        told.gate.set()
        assert first.result(5).host_privileges
        assert all(others[n].result(5).host_privileges for n in (2, 4, 5))
        with pytest.raises(Refused) as refusal:
            others[3].result(5)
    assert refusal.value.reason is Reason.UNPROVEN
    assert "ManagedObjectNotFound" in refusal.value.detail


ROOT = result("group-d1", ["System.View"])


@pytest.mark.parametrize(
    "answer",
    [
        fixed(None),
        fixed([ROOT]),
        fixed([result("host-1", [CIM])]),
        fixed([result("host-2", [CIM]), ROOT]),
        fixed([result("host-1", [CIM]), result("host-1", []), ROOT]),
        fixed([result("host-1", ["not an id"]), ROOT]),
        fixed([result("host-1", [f"A.{n}" for n in range(5001)]), ROOT]),
        fault(vim.fault.NoPermission(privilegeId="System.View")),
        fault(vmodl.fault.NotSupported()),
        raw(200, b"<not soap"),
    ],
    ids=[
        "nothing",
        "no host",
        "no root folder",
        "another host",
        "two answers",
        "no privilege id",
        "too many",
        "no permission",
        "not supported",
        "broken XML",
    ],
)
def test_without_a_whole_answer_nothing_is_proved(
    scripted: ScriptedVcenter, prover: Prover, answer: Callable[[str], Remote]
) -> None:
    scripted.answers[FETCH] = answer
    with pytest.raises(Refused) as refusal:
        prover(30).prove(HOST)
    assert refusal.value.reason is Reason.UNPROVEN


def test_a_lost_answer_is_vcenters_trouble_and_everyones(scripted: ScriptedVcenter, prover: Prover) -> None:
    scripted.answers[FETCH] = drop
    proofs = prover(30)
    with pytest.raises(Refused) as refusal:
        proofs.prove(HOST)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    scripted.answers[FETCH] = Privileges()
    assert proofs.prove(HOST).host_privileges == {CIM, "System.View"}


def test_a_defect_in_one_call_is_not_the_next_ones(
    told: Privileges, prover: Prover, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Remote:
        raise RuntimeError("a defect")

    proofs = prover(30)
    with monkeypatch.context() as patched:
        patched.setattr("broker.vsphere.proof.fetch_held", broken)
        with pytest.raises(RuntimeError):
            proofs.prove(HOST)
    assert proofs.prove(HOST).host_privileges == {CIM, "System.View"}


def test_a_host_of_another_vcenter_is_proved_nothing_and_spoils_nobodys_proof(
    told: Privileges, prover: Prover
) -> None:
    proofs, other = prover(30), host_entry("host-1", uuid="11111111-9de0-40cb-9c47-61d494229f4f")
    with pytest.raises(Refused) as refusal:
        proofs.prove(other)
    assert (refusal.value.reason, told.asked) == (Reason.INVENTORY_STALE, [])
    assert proofs.prove(HOST).host_privileges == {CIM, "System.View"}
    with pytest.raises(Refused):
        proofs.prove(other)
    told.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(proofs.prove, host_entry("host-2"))
        until(lambda: len(told.asked) == 2)
        shared = [pool.submit(proofs.prove, host) for host in (other, host_entry("host-3"))]
        until(lambda: len(proofs._next.flights) == 2)
        told.gate.set()
        assert first.result(5).host_privileges
        assert isinstance(shared[0].exception(5), Refused)
        assert shared[1].result(5).host_privileges == {CIM, "System.View"}


def test_proofs_that_are_slow_refuse_instead_of_holding_every_thread(
    told: Privileges, prover: Prover, entry: Vcenter
) -> None:
    proofs = prover(0, gate=gate_of(entry, Patience(headway_s=0.05)))
    told.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(proofs.prove, HOST)
        until(lambda: len(told.asked) == 1)
        with pytest.raises(Refused) as refusal:
            proofs.prove(HOST)
        told.gate.set()
        first.result(5)
    assert refusal.value.reason is Reason.VCENTER_BUSY


def proved(proofs: Proofs, hosts: list[Host]) -> None:
    for host in hosts:
        proofs.prove(host)


def test_hosts_asked_for_lately_are_proved_ahead_in_one_call(
    told: Privileges, prover: Prover, clock: HandClock
) -> None:
    proofs = prover(30)
    proved(proofs, [host_entry(f"host-{n}") for n in range(5)])
    proofs.refresh()
    assert len(told.asked) == 5
    clock.advance(15)
    proofs.refresh()
    assert len(told.asked) == 6
    assert len(told.asked[-1]) == 6
    clock.advance(20)
    assert proofs.prove(host_entry("host-3")).age_s == 20
    assert len(told.asked) == 6


def test_hosts_not_asked_for_in_ten_minutes_are_proved_ahead_no_more(
    told: Privileges, prover: Prover, clock: HandClock
) -> None:
    proofs = prover(30)
    proofs.prove(HOST)
    clock.advance(600)
    proofs.refresh()
    assert len(told.asked) == 1


def test_a_host_that_is_gone_is_proved_ahead_no_more(
    told: Privileges, prover: Prover, clock: HandClock
) -> None:
    proofs = prover(30)
    proved(proofs, [host_entry(f"host-{n}") for n in range(4)])
    told.gone = {"host-2"}
    clock.advance(20)
    proofs.refresh()
    clock.advance(20)
    told.asked.clear()
    proofs.refresh()
    assert [sorted(asked) for asked in told.asked] == [["group-d1", "host-0", "host-1", "host-3"]]


def test_many_hosts_are_proved_ahead_in_few_calls(
    told: Privileges, prover: Prover, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.vsphere.proof.BATCH", 3)
    proofs = prover(30)
    proved(proofs, [host_entry(f"host-{n}") for n in range(4)])
    told.asked.clear()
    clock.advance(20)
    proofs.refresh()
    assert [len(asked) for asked in told.asked] == [4, 2]
