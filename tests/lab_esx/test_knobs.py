"""What the knobs make a method do."""

from collections.abc import Callable

import pytest
from pyVmomi import vim, vmodl

from broker.lab.control.knobs import Knobs
from broker.lab.errors import LabError
from broker.lab.latency import ANY


def test_latency_holds_for_one_method_or_for_all_others() -> None:
    knobs = Knobs()
    assert knobs.latency_s("Login") == 0
    knobs.set_latency(ANY, 0.5)
    knobs.set_latency("Login", 2)
    assert (knobs.latency_s("Login"), knobs.latency_s("Logout")) == (2, 0.5)
    with pytest.raises(LabError):
        knobs.set_latency("Login", -1)


@pytest.mark.parametrize("seconds", [-0.1, float("inf"), float("nan")])
def test_what_is_no_time_to_wait_is_refused(seconds: float) -> None:
    with pytest.raises(LabError):
        Knobs().set_latency("Login", seconds)
    with pytest.raises(LabError):
        Knobs().set_role_lag(seconds)


@pytest.mark.parametrize("name", ["", "Logn", "login", "EnumerateInstances", "HostSystem"])
def test_a_name_that_no_method_has_turns_no_knob(name: str) -> None:
    knobs = Knobs()
    turns: tuple[Callable[[], None], ...] = (
        lambda: knobs.set_latency(name, 1),
        lambda: knobs.set_fault(name, "InvalidLogin"),
        lambda: knobs.set_fault(name, None),
        lambda: knobs.set_drop(name, 1),
    )
    for turn in turns:
        with pytest.raises(LabError, match="is no method"):
            turn()


def test_a_fault_or_a_loss_for_every_method_at_once_is_refused() -> None:
    with pytest.raises(LabError):
        Knobs().set_fault(ANY, "InvalidLogin")
    with pytest.raises(LabError):
        Knobs().set_drop(ANY, 1)


@pytest.mark.parametrize("name", ["Fetch", "WaitForUpdatesEx", "CreateDatacenter"])
def test_every_method_of_the_api_has_its_knobs_those_that_the_lab_lacks_too(name: str) -> None:
    knobs = Knobs()
    knobs.set_latency(name, 1)
    knobs.set_fault(name, "InvalidLogin", 1)
    knobs.set_drop(name, 1)
    assert (knobs.latency_s(name), knobs.drops_reply(name)) == (1, True)
    assert isinstance(knobs.fault(name), vim.fault.InvalidLogin)


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
