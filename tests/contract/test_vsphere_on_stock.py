"""The broker's rooms on the simulator as it comes: everything but a ticket."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.errors import Reason, Refused
from broker.model.names import HostName
from broker.model.survey import Permission
from broker.model.tree import Entity, Kind, ScopeUnresolved
from tests.contract.conftest import LogIn
from tests.contract.site import ACCOUNT, PROD, Site, broker_on
from tests.support.authority import Authority
from tests.support.vcsim import ADMIN, MONITOR, Simulator

CIM = "Host.Cim.CimInteraction"
CLUSTER = "/DC0/host/DC0_C0"
HOSTS = ("dc0_c0_h0", "dc0_c0_h1", "dc0_c0_h2", "dc0_h0")


@pytest.fixture
def site(stock: Simulator, tmp_path: Path) -> Iterator[Site]:
    with broker_on(stock, tmp_path, [CLUSTER]) as site:
        yield site


def test_the_account_sees_every_host(site: Site) -> None:
    site.vsphere.start()
    site.synced()
    found = [site.vsphere.find(HostName(name), [ACCOUNT]) for name in HOSTS]
    assert [len(sightings) for sightings in found] == [1, 1, 1, 1]
    host = found[0][0].host
    assert (host.version, host.connection, host.lockdown) == ("8.0.2", "connected", "lockdownDisabled")
    assert host.ancestors[-1] == "group-d1"


def test_the_facts_of_a_host_are_read_on_demand(site: Site) -> None:
    site.vsphere.start()
    (sighting,) = site.synced().vsphere.find(HostName("dc0_c0_h0"), [ACCOUNT])
    facts = site.vsphere.facts(ACCOUNT, sighting.host)
    assert facts.cim_running is False
    assert (facts.firewall.enabled, facts.firewall.all_addresses) == (True, True)
    assert ssl.PEM_cert_to_DER_cert(facts.certificate_pem or "")


def test_everyone_is_admin_there_so_the_broker_refuses_to_issue(site: Site, stock: Simulator) -> None:
    assert site.apply().problems == ()
    site.vsphere.start()
    with pytest.raises(Refused) as refused:
        site.synced().issue("dc0_c0_h0")
    assert refused.value.reason is Reason.OVER_PRIVILEGED
    assert [outcome.kind for outcome in site.told.outcomes] == ["refused"]
    assert not any("AcquireCimServicesTicket" in call for call in stock.tell("calls"))


def test_the_session_is_shared_and_logged_out(site: Site, stock: Simulator, log_in: LogIn) -> None:
    site.vsphere.start()
    for name in HOSTS:
        (sighting,) = site.synced().vsphere.find(HostName(name), [ACCOUNT])
        site.vsphere.facts(ACCOUNT, sighting.host)
    assert stock.tell("calls")[r"VSPHERE.LOCAL\cim-monitor Login"] == 1
    manager = log_in(stock, ADMIN).content.sessionManager
    assert MONITOR.name in {session.userName for session in manager.sessionList}
    site.vsphere.close()
    assert MONITOR.name not in {session.userName for session in manager.sessionList}


def test_a_wrong_password_is_tried_once(site: Site, stock: Simulator) -> None:
    site.passwords["MONITOR"] = "wrong"
    site.vsphere.start()
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            site.vsphere.find(HostName("dc0_c0_h0"), [ACCOUNT])
        assert refused.value.reason is Reason.LOGIN_LATCHED
    assert stock.tell("calls")[r"VSPHERE.LOCAL\cim-monitor Login"] == 1
    site.passwords["MONITOR"] = MONITOR.password
    site.synced()


def test_a_vcenter_of_another_authority_never_sees_the_password(
    site: Site, stock: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = replace(site.policy.vcenters[PROD], ca_file=Authority(tmp_path / "other").anchor)
    site.policy = replace(site.policy, vcenters={PROD: other})
    site.vsphere.start()
    with pytest.raises(Refused) as refused:
        site.vsphere.find(HostName("dc0_c0_h0"), [ACCOUNT])
    assert refused.value.reason is Reason.VCENTER_UNAVAILABLE
    assert not any(call.endswith("Login") for call in stock.tell("calls"))


def test_a_session_that_vcenter_ended_is_followed_by_another(
    site: Site, stock: Simulator, log_in: LogIn
) -> None:
    site.vsphere.start()
    (sighting,) = site.synced().vsphere.find(HostName("dc0_c0_h0"), [ACCOUNT])
    manager = log_in(stock, ADMIN).content.sessionManager
    manager.TerminateSession([s.key for s in manager.sessionList if s.userName == MONITOR.name])
    assert CIM in site.vsphere.prove(ACCOUNT, sighting.host).host_privileges
    assert stock.tell("calls")[r"VSPHERE.LOCAL\cim-monitor Login"] == 2


def test_a_role_is_created_updated_and_found_by_its_name(site: Site) -> None:
    administration = site.administration()
    try:
        administration.create_role("cim", frozenset({CIM}))
        (created,) = (role for role in administration.roles() if role.name == "cim")
        assert (created.name, created.privileges, created.system) == ("cim", frozenset({CIM}), False)
        administration.update_role(created.id, "cim", frozenset({CIM, "Global.Health"}))
        (updated,) = (role for role in administration.roles() if role.id == created.id)
        assert (updated.id, updated.privileges) == (created.id, frozenset({CIM, "Global.Health"}))
        assert {role.name for role in administration.roles()} >= {"Admin", "ReadOnly", "cim"}
    finally:
        administration.close()


def test_a_permission_is_set_and_removed(site: Site) -> None:
    administration = site.administration()
    try:
        cluster = administration.survey().tree.locate(CLUSTER)
        wanted = Permission(r"VSPHERE.LOCAL\cim-monitor", group=False, role_id=-2, propagate=True)
        administration.set_permission(cluster.entity, wanted)
        assert wanted in administration.permissions(cluster.entity)
        administration.remove_permission(cluster.entity, wanted.principal)
        assert administration.permissions(cluster.entity) == ()
    finally:
        administration.close()


def test_paths_lead_to_what_takes_the_permission(site: Site) -> None:
    administration = site.administration()
    try:
        tree = administration.survey().tree
        clustered = tree.locate(f"{CLUSTER}/DC0_C0_H0")
        alone = tree.locate("/DC0/host/DC0_H0/DC0_H0")
        assert clustered.entity == Entity(Kind.HOST, clustered.moid)
        assert (alone.entity.kind, alone.entity.moid) != (Kind.HOST, alone.moid)
        with pytest.raises(ScopeUnresolved):
            tree.locate("/DC0/host/nowhere")
    finally:
        administration.close()


def test_applying_twice_changes_nothing_the_second_time(site: Site) -> None:
    first, second = site.apply(), site.apply()
    assert (len(first.changes) > 0, first.problems) == (True, ())
    assert (second.changes, second.problems) == ((), ())
