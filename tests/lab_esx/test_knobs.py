"""What the knobs make a method do."""

import pytest
from pyVmomi import vim, vmodl

from broker.lab.control.knobs import ANY_METHOD, Knobs
from broker.lab.errors import LabError


def test_latency_holds_for_one_method_or_for_all_others() -> None:
    knobs = Knobs()
    assert knobs.latency_s("Login") == 0
    knobs.set_latency(ANY_METHOD, 0.5)
    knobs.set_latency("Login", 2)
    assert (knobs.latency_s("Login"), knobs.latency_s("Logout")) == (2, 0.5)
    with pytest.raises(LabError):
        knobs.set_latency("Login", -1)


@pytest.mark.parametrize("name", ["HostNotConnected", "vmodl.fault.HostNotConnected"])
def test_a_fault_comes_as_often_as_it_was_ordered(name: str) -> None:
    knobs = Knobs()
    knobs.set_fault("AcquireCimServicesTicket", name, times=2)
    faults = [knobs.fault("AcquireCimServicesTicket") for _ in range(3)]
    assert [type(each) for each in faults] == [vmodl.fault.HostNotConnected] * 2 + [type(None)]
    assert knobs.fault("Login") is None


def test_a_fault_without_a_count_stays_until_it_is_taken_away() -> None:
    knobs = Knobs()
    knobs.set_fault("Login", "InvalidLogin")
    assert all(isinstance(knobs.fault("Login"), vim.fault.InvalidLogin) for _ in range(5))
    knobs.set_fault("Login", None)
    assert knobs.fault("Login") is None


@pytest.mark.parametrize("name", ["Nonsense", "vim.fault.Nonsense", "ManagedEntity", "vim.HostSystem", ""])
def test_what_is_no_fault_cannot_be_ordered(name: str) -> None:
    with pytest.raises(LabError):
        Knobs().set_fault("Login", name)


def test_answers_are_lost_as_often_as_ordered() -> None:
    knobs = Knobs()
    assert not knobs.drops_reply("Login")
    knobs.set_drop("Login", 1)
    assert [knobs.drops_reply("Login") for _ in range(2)] == [True, False]


def test_calls_are_counted() -> None:
    knobs = Knobs()
    for method in ("Login", "Login", "Logout"):
        knobs.count(method)
    assert knobs.calls() == {"Login": 2, "Logout": 1}
