"""The inventory follows vCenter, says how old it is, and comes back after anything."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from broker.clock import SystemClock
from broker.errors import Reason
from broker.model.inventory import Connection
from broker.model.names import HostName
from broker.vsphere.hosts import CONNECTION
from broker.vsphere.sessions import Session
from broker.vsphere.watcher import Watcher
from tests.support.scripted_vcenter import ScriptedVcenter, Updates, drop, entered
from tests.support.vcenter_entries import ACCOUNT, PROD, until
from tests.vsphere.conftest import OpenSession

Remote = Any
ONE, TWO = HostName("esx01.example.com"), HostName("esx02.example.com")
ROOT = vim.Folder("group-d1")


def esx(number: int, **more: Remote) -> tuple[Remote, dict[str, Remote]]:
    values = {"name": f"esx0{number}.example.com", "parent": ROOT, CONNECTION: "connected", **more}
    return vim.HostSystem(f"host-{number}"), values


def update(
    kind: str,
    thing: Remote,
    *changes: tuple[str, str, Remote],
    version: str = "9",
    missing: tuple[str, ...] = (),
) -> Remote:
    collector = vmodl.query.PropertyCollector
    fault = vim.fault.NoPermission(privilegeId="System.Read")
    entry = collector.ObjectUpdate(
        kind=kind,
        obj=thing,
        changeSet=[collector.Change(name=n, op=op, val=v) for n, op, v in changes],
        missingSet=[collector.MissingProperty(path=path, fault=fault) for path in missing],
    )
    filtered = collector.FilterUpdate(filter=collector.Filter("session[1]filter-1"), objectSet=[entry])
    return collector.UpdateSet(version=version, filterSet=[filtered], truncated=False)


@pytest.fixture
def watch(open_session: OpenSession) -> Iterator[Callable[[], Watcher]]:
    watched: list[tuple[Watcher, Session]] = []

    def watch() -> Watcher:
        session = open_session()
        watcher = Watcher(ACCOUNT, PROD, session, SystemClock())
        watched.append((watcher, session))
        watcher.start()
        return watcher

    yield watch
    for watcher, session in watched:
        watcher.stop()
        session.close()
        watcher.join(5)


@pytest.fixture
def follow(scripted: ScriptedVcenter, watch: Callable[[], Watcher]) -> Callable[..., tuple[Watcher, Updates]]:
    def follow(*first: Remote) -> tuple[Watcher, Updates]:
        updates = Updates(*first)
        scripted.answers["WaitForUpdatesEx"] = updates
        return watch(), updates

    return follow


Follow = Callable[..., tuple[Watcher, Updates]]


def knows(watcher: Watcher, name: HostName) -> bool:
    return watcher.confirmed is not None and bool(watcher.confirmed.inventory.find(name))


def test_hosts_come_change_and_go(follow: Follow) -> None:
    watcher, updates = follow(entered(dict([esx(1)])))
    until(lambda: knows(watcher, ONE))
    updates.put(entered(dict([esx(2)]), version="2"))
    until(lambda: knows(watcher, TWO))
    updates.put(update("modify", vim.HostSystem("host-1"), (CONNECTION, "assign", "notResponding")))
    until(lambda: state_of(watcher, ONE) is Connection.NOT_RESPONDING)
    updates.put(update("leave", vim.HostSystem("host-1")))
    until(lambda: not knows(watcher, ONE))
    assert knows(watcher, TWO)


def state_of(watcher: Watcher, name: HostName) -> Connection:
    assert watcher.confirmed is not None
    (host,) = watcher.confirmed.inventory.find(name)
    return host.connection


@pytest.mark.parametrize(
    "change",
    [
        update("modify", vim.HostSystem("host-1"), (CONNECTION, "remove", None)),
        update("modify", vim.HostSystem("host-1"), missing=(CONNECTION,)),
    ],
    ids=["unset", "not readable any more"],
)
def test_a_property_that_goes_becomes_unknown(follow: Follow, change: Remote) -> None:
    watcher, updates = follow(entered(dict([esx(1)])))
    until(lambda: knows(watcher, ONE))
    updates.put(change)
    until(lambda: state_of(watcher, ONE) is Connection.UNKNOWN)


def test_hosts_without_a_valid_name_are_logged_when_their_number_changes(
    follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "broker.vsphere.watcher"):
        watcher, updates = follow(entered(dict([esx(1), esx(3, name="rack 4 / left")])))
        until(lambda: knows(watcher, ONE))
        updates.put(entered(dict([esx(2)]), version="2"))
        until(lambda: knows(watcher, TWO))
        updates.put(update("leave", vim.HostSystem("host-3")))
        until(lambda: len(caplog.messages) == 2)
    assert [message.rpartition(" ")[2] for message in caplog.messages] == ["1", "0"]
    assert "rack" not in caplog.text


def test_half_a_first_sync_is_no_inventory(scripted: ScriptedVcenter, follow: Follow) -> None:
    half = entered(dict([esx(1)]))
    half.truncated = True
    watcher, updates = follow(half)
    until(lambda: scripted.calls.count("WaitForUpdatesEx") >= 1)
    assert watcher.confirmed is None
    updates.put(entered(dict([esx(2)]), version="2"))
    until(lambda: knows(watcher, TWO))
    assert knows(watcher, ONE)


def test_a_wait_without_news_confirms_the_inventory(follow: Follow) -> None:
    watcher, _ = follow(entered(dict([esx(1)])))
    until(lambda: watcher.confirmed is not None)
    first = watcher.confirmed
    assert first is not None
    until(lambda: watcher.confirmed is not None and watcher.confirmed.at > first.at)
    later = watcher.confirmed
    assert later is not None
    assert later.inventory is first.inventory


def test_an_account_that_sees_nothing_has_an_empty_inventory(follow: Follow) -> None:
    watcher, _ = follow()
    until(lambda: watcher.confirmed is not None)
    assert watcher.confirmed is not None
    assert watcher.confirmed.inventory.all == ()


def test_a_session_killed_under_it_is_made_anew_with_a_new_filter(
    scripted: ScriptedVcenter, follow: Follow
) -> None:
    watcher, updates = follow(entered(dict([esx(1)])))
    until(lambda: knows(watcher, ONE))
    updates.put(vim.fault.NotAuthenticated(), entered(dict([esx(2)])))
    until(lambda: knows(watcher, TWO))
    assert not knows(watcher, ONE)
    assert scripted.calls.count("Login") == 2
    assert scripted.calls.count("CreateFilter") == 2


def test_a_lost_connection_leaves_the_inventory_to_age_until_it_is_back(
    scripted: ScriptedVcenter, follow: Follow
) -> None:
    watcher, updates = follow(entered(dict([esx(1)])))
    until(lambda: knows(watcher, ONE))
    scripted.answers["WaitForUpdatesEx"] = drop
    until(lambda: watcher.trouble is Reason.VCENTER_UNAVAILABLE)
    confirmed = watcher.confirmed
    assert knows(watcher, ONE)
    updates.put(entered(dict([esx(2)])))
    scripted.answers["WaitForUpdatesEx"] = updates
    until(lambda: knows(watcher, TWO))
    assert watcher.confirmed is not confirmed
    assert watcher.trouble is None


def test_what_is_left_of_a_broken_watch_is_destroyed(scripted: ScriptedVcenter, follow: Follow) -> None:
    watcher, updates = follow(entered(dict([esx(1)])))
    until(lambda: knows(watcher, ONE))
    updates.put(vmodl.fault.SystemError(reason="canary"))
    until(lambda: "DestroyPropertyCollector" in scripted.calls and "DestroyView" in scripted.calls)
    until(lambda: scripted.calls.count("CreateFilter") == 2)
    assert scripted.calls.count("Login") == 1


def test_an_answer_that_no_reader_expects_does_not_end_the_watch(follow: Follow) -> None:
    watcher, updates = follow(entered(dict([esx(1)])))
    until(lambda: knows(watcher, ONE))
    odd = entered({vim.HostSystem("host-3"): {"name": 7, "parent": "x", "config.network.vnic": 3}})
    updates.put(odd)
    until(lambda: watcher.trouble is Reason.INTERNAL_ERROR)
    updates.put(entered(dict([esx(2)])))
    until(lambda: knows(watcher, TWO))


def test_the_watch_asks_for_light_properties_only(scripted: ScriptedVcenter, follow: Follow) -> None:
    watcher, _ = follow(entered(dict([esx(1)])))
    until(lambda: knows(watcher, ONE))
    (request,) = [r for r, n in zip(scripted.requests, scripted.calls, strict=True) if n == "CreateFilter"]
    for heavy in (
        "config.firewall",
        "config.service",
        "config.certificate",
        "<pathSet>config</pathSet>",
        "hardware",
    ):
        assert heavy not in request
    assert request.count(">false</partialUpdates>") == 1
