"""The room on a vCenter that enforces what a vCenter enforces."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.errors import MintUnknown, Reason, Refused
from broker.lab.process import Lab, LabOptions
from broker.model.inventory import Connection
from broker.model.names import AccountId, HostName
from tests.support.lab_site import CIM, OPERATION, USER, Site
from tests.support.vcenter_entries import ACCOUNT, account_entry, secret_file, until

CLUSTER = "DC1/host/cluster-01"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    options = LabOptions(tmp_path / "lab", hosts=6, clusters=2, standalone=1, cim_hosts=0)
    with Lab.start(options) as lab:
        site = Site(lab, tmp_path)
        site.grant(CLUSTER, CIM)
        yield site
        site.close()


def in_cluster(site: Site) -> str:
    return next(str(h["name"]) for h in site.lab.control.hosts() if CLUSTER in h["path"])


def outside(site: Site) -> str:
    return next(str(h["name"]) for h in site.lab.control.hosts() if "cluster-02" in h["path"])


def place_of(site: Site, name: str) -> str:
    path = next(str(h["path"]) for h in site.lab.control.hosts() if h["name"] == name)
    return path.removeprefix("/").rpartition("/")[0]


def reason_of(site: Site, name: str) -> Reason:
    with pytest.raises(Refused) as refusal:
        site.ticket(site.host(name))
    assert not isinstance(refusal.value, MintUnknown)
    return refusal.value.reason


def test_an_account_sees_its_hosts_with_their_ancestors_and_addresses(site: Site) -> None:
    name = in_cluster(site)
    host = site.start().host(name)
    told = next(h for h in site.lab.control.hosts() if h["name"] == name)
    assert host.ref.moid == told["moid"]
    assert host.ancestors[0] == told["parent"]
    assert host.ancestors[-1] == "group-d1"
    assert told["address"] in host.addresses
    assert (host.connection, host.lockdown) == (Connection.CONNECTED, "lockdownDisabled")
    assert site.host(told["address"]) == host


def test_an_account_does_not_see_other_hosts(site: Site) -> None:
    assert site.start().vsphere.find(HostName(outside(site)), {ACCOUNT}) == ()


def test_a_ticket_is_minted_once_and_only_there(site: Site) -> None:
    name = in_cluster(site)
    ticket = site.start().ticket(site.host(name))
    assert ticket.session_id.reveal()
    assert site.lab.control.tickets_minted() == site.lab.control.tickets_minted(name) == 1


def test_the_proof_is_what_was_granted(site: Site) -> None:
    proof = site.start().vsphere.prove(ACCOUNT, site.host(in_cluster(site)))
    assert {p for p in proof.host_privileges if not p.startswith("System.")} == {CIM}
    assert {p for p in proof.root_privileges if not p.startswith("System.")} == set()


def test_a_privilege_on_the_root_folder_shows_in_the_proof(site: Site) -> None:
    site.grant("", "Global.Health")
    proof = site.start().vsphere.prove(ACCOUNT, site.host(in_cluster(site)))
    assert "Global.Health" in proof.root_privileges
    assert "Global.Health" not in proof.host_privileges


def test_facts_come_from_the_host(site: Site) -> None:
    name = in_cluster(site)
    facts = site.start().vsphere.facts(ACCOUNT, site.host(name))
    assert (facts.cim_running, facts.firewall.enabled) == (True, True)
    assert facts.certificate_pem
    assert "BEGIN CERTIFICATE" in facts.certificate_pem


def test_a_certificate_that_changed_shows_when_the_facts_are_forgotten(site: Site) -> None:
    name = in_cluster(site)
    host = site.start().host(name)
    before = site.vsphere.facts(ACCOUNT, host).certificate_pem
    after = site.lab.control.change_certificate(name)
    assert site.vsphere.facts(ACCOUNT, host).certificate_pem == before
    site.vsphere.forget_facts(ACCOUNT, host)
    assert site.vsphere.facts(ACCOUNT, host).certificate_pem == after


def test_a_permission_that_is_taken_away_refuses_the_ticket(site: Site) -> None:
    name = in_cluster(site)
    host = site.start().host(name)
    site.grant(CLUSTER, "Global.Health")
    with pytest.raises(Refused) as refusal:
        site.ticket(host)
    assert refusal.value.reason is Reason.NOT_APPLIED
    assert CIM in refusal.value.detail
    assert site.lab.control.tickets_minted() == 0


def test_a_host_that_is_disconnected_says_so(site: Site) -> None:
    name = in_cluster(site)
    site.start()
    site.lab.control.disconnect_host(name)
    until(lambda: site.host(name).connection is Connection.DISCONNECTED)
    site.lab.control.lose_host(name)
    until(lambda: site.host(name).connection is Connection.NOT_RESPONDING)
    assert reason_of(site, name) is Reason.HOST_DISCONNECTED


def test_sessions_killed_under_us_are_made_anew(site: Site) -> None:
    name = in_cluster(site)
    host = site.start().host(name)
    site.vsphere.prove(ACCOUNT, host)
    assert site.lab.control.kill_sessions(USER) == 1
    assert site.vsphere.acquire(ACCOUNT, host, OPERATION, lambda: None).session_id.reveal()
    assert site.lab.control.tickets_minted() == 1
    site.lab.control.set_version(name, "8.0.2")
    until(lambda: site.host(name).version == "8.0.2")
    assert len([s for s in site.lab.control.sessions() if s["user"].endswith("svc-cim-a")]) == 1


def test_many_tickets_need_one_log_in(site: Site) -> None:
    host = site.start().host(in_cluster(site))
    before = site.lab.control.calls()["Login"]
    for _ in range(5):
        site.ticket(host)
    assert site.lab.control.calls()["Login"] == before


def test_a_changed_password_closes_the_latch_and_a_changed_file_opens_it(site: Site) -> None:
    host = site.start().host(in_cluster(site))
    before = site.lab.control.calls()["Login"]
    site.lab.control.change_password(USER, "another-secret")
    site.lab.control.kill_sessions(USER)
    for _ in range(8):
        with pytest.raises(Refused) as refusal:
            site.ticket(host)
        assert refusal.value.reason is Reason.LOGIN_LATCHED
    assert site.lab.control.calls()["Login"] == before + 1
    assert site.vsphere.states()[ACCOUNT].trouble is Reason.LOGIN_LATCHED
    site.write_password("another-secret\n")
    until(lambda: _got_ticket(site, host.name))
    until(lambda: site.vsphere.states()[ACCOUNT].trouble is None)


def _got_ticket(site: Site, name: str) -> bool:
    try:
        site.ticket(site.host(name))
    except Refused:
        return False
    return True


def test_a_lost_answer_is_unknown_and_minted_one_ticket(site: Site) -> None:
    host = site.start().host(in_cluster(site))
    site.lab.control.set_drop("AcquireCimServicesTicket", 1)
    with pytest.raises(MintUnknown):
        site.ticket(host)
    assert site.lab.control.tickets_minted() == 1


def test_a_vcenter_that_goes_away_and_comes_back(site: Site) -> None:
    name = in_cluster(site)
    host = site.start().host(name)
    site.lab.control.stop_vcenter()
    with pytest.raises(Refused) as refusal:
        site.ticket(host)
    assert not isinstance(refusal.value, MintUnknown)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    until(lambda: site.vsphere.states()[ACCOUNT].trouble is Reason.VCENTER_UNAVAILABLE)
    site.lab.control.start_vcenter()
    until(lambda: site.vsphere.states()[ACCOUNT].trouble is None)
    assert site.ticket(host).session_id.reveal()


def test_a_vcenter_that_is_down_at_the_start_is_followed_when_it_comes(site: Site) -> None:
    site.lab.control.stop_vcenter()
    site.vsphere.start()
    with pytest.raises(Refused) as refusal:
        site.vsphere.find(HostName("esx0001.lab.example"), {ACCOUNT})
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert not site.vsphere.reachable()
    site.lab.control.start_vcenter()
    until(site.vsphere.reachable)


def test_before_the_first_sync_one_host_is_looked_up(site: Site) -> None:
    site.lab.control.set_latency("WaitForUpdatesEx", 30)
    site.vsphere.start()
    name = in_cluster(site)
    (sighting,) = site.vsphere.find(HostName(name), {ACCOUNT})
    assert not site.vsphere.states()[ACCOUNT].synced
    assert sighting.host.name == name
    assert sighting.host.ancestors[-1] == "group-d1"
    assert sighting.host.connection is Connection.CONNECTED
    address = next(a for a in sighting.host.addresses if a[0].isdecimal())
    assert site.vsphere.find(address, {ACCOUNT})[0].host == sighting.host
    with pytest.raises(Refused) as refusal:
        site.vsphere.find(HostName("esx9999.lab.example"), {ACCOUNT})
    assert refusal.value.reason is Reason.INVENTORY_STALE


def test_a_slow_vcenter_costs_the_call_timeout_and_no_more(site: Site, tmp_path: Path) -> None:
    hurried = Site(site.lab, tmp_path, call_s=1.0)
    host = hurried.start().host(in_cluster(site))
    site.lab.control.set_latency("AcquireCimServicesTicket", 30)
    with pytest.raises(MintUnknown) as refusal:
        hurried.ticket(host)
    hurried.close()
    assert refusal.value.reason is Reason.VCENTER_TIMEOUT
    assert site.lab.control.calls()["AcquireCimServicesTicket"] == 1


def test_closing_logs_every_account_out(site: Site) -> None:
    site.start()
    site.vsphere.close()
    assert [s for s in site.lab.control.sessions() if s["user"].endswith("svc-cim-a")] == []
    with pytest.raises(Refused) as refusal:
        site.vsphere.find(HostName("esx0001.lab.example"), {ACCOUNT})
    assert refusal.value.reason is Reason.SHUTTING_DOWN


def test_a_new_policy_adds_changes_and_removes_accounts_without_a_restart(site: Site, tmp_path: Path) -> None:
    other, user = AccountId("cim-b"), "svc-cim-b@vsphere.local"
    site.grant(place_of(site, outside(site)), CIM, user=user)
    folder = tmp_path / "b"
    folder.mkdir()
    second = account_entry(secret_file(folder, site.lab.password_file(user).read_text().strip()), user, other)
    first = account_entry(site.secret, USER)
    site.start()
    site.follow(first, second)
    until(lambda: site.vsphere.states()[other].synced)
    assert site.vsphere.states()[ACCOUNT].logged_in
    assert site.host(in_cluster(site)).name == in_cluster(site)
    assert site.lab.control.calls()["Login"] == 3
    site.follow(second)
    until(lambda: not [s for s in site.lab.control.sessions() if s["user"].endswith("svc-cim-a")])
    assert set(site.vsphere.states()) == {other}
    site.follow(replace(second, user=user.upper()))
    until(lambda: site.vsphere.states()[other].synced)
    assert site.lab.control.calls()["Login"] == 4


def test_an_account_that_the_policy_does_not_know_is_refused(site: Site) -> None:
    with pytest.raises(Refused):
        site.start().vsphere.find(HostName("esx0001.lab.example"), {AccountId("nobody")})


def test_proofs_are_kept_fresh_in_the_background(site: Site, tmp_path: Path) -> None:
    kept = Site(site.lab, tmp_path, proof_max_age_s=2.0)
    try:
        host = kept.start().host(in_cluster(site))
        kept.vsphere.prove(ACCOUNT, host)
        before = site.lab.control.calls()["FetchUserPrivilegeOnEntities"]
        until(lambda: site.lab.control.calls()["FetchUserPrivilegeOnEntities"] >= before + 2)
        assert kept.vsphere.prove(ACCOUNT, host).age_s < 2
        kept.vsphere.drop(ACCOUNT, host)
        assert kept.vsphere.prove(ACCOUNT, host).age_s < 1
    finally:
        kept.close()
