"""The room as the way of a request meets it: which accounts know a host, and how sure they are."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyVmomi import vim

from broker.clock import SystemClock
from broker.errors import MintUnknown, Reason, Refused
from broker.model.names import AccountId, HostName
from broker.model.policy import Policy
from broker.secrets import read_secret
from broker.vsphere.account import AccountState
from broker.vsphere.gate import Gates
from broker.vsphere.service import Vsphere
from tests.support.clock import HandClock
from tests.support.scripted_vcenter import (
    UUID,
    ScriptedVcenter,
    Updates,
    drop,
    entered,
    fault,
    fixed,
    privileges,
)
from tests.support.vcenter_entries import (
    ACCOUNT,
    MemoryLatch,
    account_entry,
    host_entry,
    policy_of,
    secret_file,
    until,
    vcenter_entry,
)

OPERATION = "01890a5d-ac96-774b-bcce-b302099a8057"
ESX01 = HostName("esx01.example.com")
OTHER = AccountId("cim-b")
PROVED = fixed(
    privileges({vim.HostSystem("host-1"): ["System.View"], vim.Folder("group-d1"): ["System.View"]})
)
SEEN = {vim.HostSystem("host-1"): {"name": ESX01, "parent": vim.Folder("group-d1")}}


class Desk:
    """A `Vsphere` on a scripted vCenter, with a clock that stands still."""

    def __init__(self, scripted: ScriptedVcenter, folder: Path, proof_max_age_s: float = 0.0) -> None:
        self.scripted = scripted
        self.entry = vcenter_entry(scripted.host, scripted.port, scripted.anchor)
        self.secret = secret_file(folder)
        self.clock = HandClock()
        self.policy = policy_of(self.entry, account_entry(self.secret))
        self.vsphere = Vsphere(
            self, MemoryLatch(), self.clock, read_secret, proof_max_age_s, Gates(16, SystemClock())
        )

    def current(self) -> Policy:
        return self.policy

    def synced(self) -> Vsphere:
        self.vsphere.start()
        until(lambda: self.vsphere.states()[ACCOUNT].synced)
        return self.vsphere


@pytest.fixture
def desk(scripted: ScriptedVcenter, tmp_path: Path) -> Iterator[Desk]:
    first = Updates(entered(SEEN))

    def once(request: str) -> object:
        """Tell the inventory, then nothing more: nobody confirms it."""
        return first(request) or scripted.hold(request)

    scripted.answers["WaitForUpdatesEx"] = once
    desk = Desk(scripted, tmp_path)
    yield desk
    desk.vsphere.close()


def refusal_of(vsphere: Vsphere, name: HostName, *accounts: AccountId) -> Reason:
    with pytest.raises(Refused) as refusal:
        vsphere.find(name, accounts)
    return refusal.value.reason


def test_a_sighting_says_how_long_ago_the_inventory_was_confirmed(desk: Desk) -> None:
    vsphere = desk.synced()
    desk.clock.advance(61)
    (sighting,) = vsphere.find(ESX01, {ACCOUNT})
    assert (sighting.account, sighting.age_s) == (ACCOUNT, 61)


def test_an_unknown_host_is_nobodys_in_a_fresh_inventory(desk: Desk) -> None:
    assert desk.synced().find(HostName("esx02.example.com"), {ACCOUNT}) == ()


def test_an_unknown_host_is_undecided_in_a_stale_inventory(desk: Desk) -> None:
    vsphere = desk.synced()
    desk.clock.advance(61)
    assert refusal_of(vsphere, HostName("esx02.example.com"), ACCOUNT) is Reason.INVENTORY_STALE
    assert not vsphere.reachable()


def test_one_account_that_knows_the_host_is_enough(desk: Desk) -> None:
    vsphere = desk.synced()
    assert len(vsphere.find(ESX01, {ACCOUNT, OTHER})) == 1
    assert refusal_of(vsphere, HostName("esx02.example.com"), ACCOUNT, OTHER) is Reason.INVENTORY_STALE


def test_a_host_that_calls_itself_by_anothers_name_is_not_found_by_it(desk: Desk) -> None:
    """Root on one host must not be able to keep an app from another."""
    lie = {"config.network.dnsConfig.hostName": "esx01", "config.network.dnsConfig.domainName": "example.com"}
    liar = {"name": "esx02.example.com", "parent": vim.Folder("group-d1"), **lie}
    desk.scripted.answers["WaitForUpdatesEx"] = Updates(entered({**SEEN, vim.HostSystem("host-2"): liar}))
    vsphere = desk.synced()
    found = vsphere.find(ESX01, {ACCOUNT})
    assert [s.host.ref.moid for s in found] == ["host-1"]
    assert len(vsphere.find(HostName("esx02.example.com"), {ACCOUNT})) == 1


def test_a_sighting_says_how_an_unknown_host_would_be_refused_now(desk: Desk) -> None:
    vsphere, unknown = desk.synced(), HostName("esx02.example.com")
    assert [s.unseen_as for s in vsphere.find(ESX01, {ACCOUNT})] == [None]
    for accounts in ({ACCOUNT, OTHER}, {ACCOUNT}):
        (sighting,) = vsphere.find(ESX01, accounts)
        assert sighting.unseen_as is refusal_of(vsphere, unknown, *accounts)
        desk.clock.advance(61)


def test_a_sighting_before_the_first_sync_says_so_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.scripted.answers["WaitForUpdatesEx"] = desk.scripted.hold
    desk.vsphere.start()
    monkeypatch.setattr(
        "broker.vsphere.account.look_up",
        lambda _vcenter, name, _link: (host_entry(),) if name == ESX01 else (),
    )
    (sighting,) = desk.vsphere.find(ESX01, {ACCOUNT})
    assert sighting.unseen_as is refusal_of(desk.vsphere, HostName("esx02.example.com"), ACCOUNT)


def test_the_state_of_an_account_is_told_without_asking_vcenter(desk: Desk) -> None:
    vsphere = desk.synced()
    calls = len(desk.scripted.calls)
    assert vsphere.states() == {ACCOUNT: AccountState(logged_in=True, age_s=0.0, trouble=None)}
    assert vsphere.reachable()
    assert len(desk.scripted.calls) <= calls + 1


@pytest.mark.parametrize(
    ("state", "usable"),
    [
        (AccountState(logged_in=True, age_s=60.0, trouble=None), True),
        (AccountState(logged_in=False, age_s=1.0, trouble=None), True),
        (AccountState(logged_in=True, age_s=None, trouble=None), True),
        (AccountState(logged_in=False, age_s=None, trouble=None), False),
        (AccountState(logged_in=True, age_s=61.0, trouble=None), False),
        (AccountState(logged_in=False, age_s=1.0, trouble=Reason.LOGIN_LATCHED), False),
        (AccountState(logged_in=True, age_s=None, trouble=Reason.VCENTER_TIMEOUT), False),
    ],
    ids=[
        "all well",
        "session ended",
        "not synced yet",
        "never logged in",
        "stale",
        "latched",
        "not followed",
    ],
)
def test_an_account_is_usable_as_far_as_is_known(state: AccountState, *, usable: bool) -> None:
    assert state.usable is usable


def test_a_ticket_can_be_had_once_the_account_is_logged_in_and_before_it_is_synced(desk: Desk) -> None:
    usual, let_in = desk.scripted.answers["Login"], threading.Event()
    desk.scripted.answers["WaitForUpdatesEx"] = desk.scripted.hold

    def slow(request: str) -> object:
        assert let_in.wait(10)
        return usual(request)

    desk.scripted.answers["Login"] = slow
    desk.vsphere.start()
    until(lambda: "Login" in desk.scripted.calls)
    assert not desk.vsphere.reachable()
    let_in.set()
    until(desk.vsphere.reachable)
    assert not desk.vsphere.states()[ACCOUNT].synced


def test_facts_that_were_read_are_known_without_asking_again(desk: Desk) -> None:
    vsphere, host = desk.synced(), host_entry("host-1", uuid=UUID)
    assert vsphere.known_facts(ACCOUNT, host) is None
    read = vsphere.facts(ACCOUNT, host)
    reads = desk.scripted.calls.count("RetrievePropertiesEx")
    assert vsphere.known_facts(ACCOUNT, host) == read
    assert vsphere.known_facts(OTHER, host) is None
    assert desk.scripted.calls.count("RetrievePropertiesEx") == reads


def test_an_account_that_cannot_log_in_says_why(desk: Desk) -> None:
    desk.scripted.answers["Login"] = fault(vim.fault.InvalidLogin())
    desk.vsphere.start()
    until(lambda: desk.vsphere.states()[ACCOUNT].trouble is Reason.LOGIN_LATCHED)
    assert not desk.vsphere.states()[ACCOUNT].logged_in
    assert refusal_of(desk.vsphere, ESX01, ACCOUNT) is Reason.LOGIN_LATCHED


def test_accounts_of_one_vcenter_share_its_places_and_none_waits_for_ever(desk: Desk) -> None:
    entry = vcenter_entry(desk.entry.host, desk.entry.port, desk.entry.ca_file, concurrency=1)
    desk.policy = policy_of(entry, account_entry(desk.secret), account_entry(desk.secret, name=OTHER))
    vsphere, host = desk.vsphere, host_entry("host-1")
    vsphere.start()
    desk.scripted.answers["FetchUserPrivilegeOnEntities"] = PROVED
    for account in (ACCOUNT, OTHER):
        vsphere.prove(account, host)
    desk.scripted.answers["AcquireCimServicesTicket"] = desk.scripted.hold
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(vsphere.acquire, ACCOUNT, host, OPERATION, lambda: None)
        until(lambda: "AcquireCimServicesTicket" in desk.scripted.calls)
        with pytest.raises(Refused) as refusal:
            vsphere.acquire(OTHER, host, OPERATION, lambda: None)
        assert refusal.value.reason is Reason.VCENTER_BUSY
        desk.scripted.released.set()
        assert isinstance(slow.exception(5), MintUnknown)


def test_a_ticket_is_asked_for_only_while_the_hosts_proof_holds(desk: Desk) -> None:
    vsphere, host = desk.synced(), host_entry("host-1")
    desk.scripted.answers["FetchUserPrivilegeOnEntities"] = PROVED
    endings: tuple[Callable[[], None], ...] = (
        lambda: None,
        lambda: desk.clock.advance(11),
        lambda: vsphere.drop(ACCOUNT, host),
    )
    for forget in endings:
        forget()
        with pytest.raises(Refused) as refusal:
            vsphere.acquire(ACCOUNT, host, OPERATION, lambda: None)
        assert refusal.value.reason is Reason.UNPROVEN
        vsphere.prove(ACCOUNT, host)
    assert "AcquireCimServicesTicket" not in desk.scripted.calls
    assert vsphere.acquire(ACCOUNT, host, OPERATION, lambda: None).session_id.reveal()


def test_a_policy_that_changes_nothing_for_vcenter_keeps_the_sessions(desk: Desk) -> None:
    vsphere = desk.synced()
    vsphere.follow(policy_of(desk.entry, account_entry(desk.secret), revision="r2"))
    assert vsphere.states()[ACCOUNT].synced
    assert desk.scripted.calls.count("Login") == 1


def test_another_entry_of_the_vcenter_makes_new_sessions(desk: Desk) -> None:
    vsphere = desk.synced()
    entry = vcenter_entry(desk.entry.host, desk.entry.port, desk.entry.ca_file, concurrency=9)
    vsphere.follow(policy_of(entry, account_entry(desk.secret), revision="r2"))
    until(lambda: desk.scripted.calls.count("Login") == 2 and "Logout" in desk.scripted.calls)


def test_after_closing_no_policy_opens_anything(desk: Desk) -> None:
    vsphere = desk.synced()
    vsphere.close()
    vsphere.follow(desk.policy)
    assert vsphere.states() == {}
    assert refusal_of(vsphere, ESX01, ACCOUNT) is Reason.SHUTTING_DOWN


def test_proofs_that_cannot_be_kept_fresh_are_logged_and_tried_again(
    scripted: ScriptedVcenter, tmp_path: Path, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.answers["FetchUserPrivilegeOnEntities"] = PROVED
    kept = Desk(scripted, tmp_path, proof_max_age_s=1.0)
    kept.vsphere.start()
    kept.vsphere.prove(ACCOUNT, host_entry("host-1"))
    scripted.answers["FetchUserPrivilegeOnEntities"] = drop
    kept.clock.advance(0.9)
    with caplog.at_level(logging.WARNING, "broker.vsphere.account"):
        until(lambda: "proofs of cim-a: vcenter_unavailable" in caplog.text)
    kept.vsphere.close()
