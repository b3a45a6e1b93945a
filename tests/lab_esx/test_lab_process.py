"""The whole lab: from a permission to sensors, and every knob."""

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pywbem
from pyVmomi import vim, vmodl

from broker.lab.errors import LabError
from broker.lab.options import ADMINISTRATOR
from broker.lab.process import Lab, LabOptions
from tests.support.lab import entity_at, logged_in, small_lab
from tests.support.lab_esx import cim_client

ACCOUNT = "svc-cim-a@vsphere.local"
HOST = "esx0001.lab.example"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("lab") / "state") as running:
        with logged_in(running, "broker-controller@vsphere.local") as content:
            manager = content.authorizationManager
            role = manager.AddRole("cim-ticket", ["Host.Cim.CimInteraction"])
            granted = vim.AuthorizationManager.Permission(
                principal=ACCOUNT, group=False, roleId=role, propagate=True
            )
            manager.SetEntityPermissions(entity_at(content, "DC1/host/cluster-01"), [granted])
        yield running


def host_object(content: Any, name: str = HOST) -> Any:
    return content.searchIndex.FindByDnsName(None, name, False)  # noqa: FBT003 - the API's own signature


def ticket_for(lab: Lab, name: str = HOST) -> Any:
    with logged_in(lab, ACCOUNT) as content:
        return host_object(content, name).AcquireCimServicesTicket()


def sensors(lab: Lab, directory: Path, ticket: Any) -> list[Any]:
    with logged_in(lab) as content:
        pem = bytes(b % 256 for b in host_object(content).config.certificate)
    leaf = directory / "leaf.pem"
    leaf.write_bytes(pem)
    client = cim_client(f"https://{ticket.host}:{ticket.port}", ticket.sessionId, leaf)
    return list(client.EnumerateInstances("CIM_NumericSensor"))


def test_a_ticket_of_the_low_privilege_account_opens_the_hosts_sensors(lab: Lab, tmp_path: Path) -> None:
    before = lab.control.tickets_minted(HOST)
    ticket = ticket_for(lab)
    assert len(sensors(lab, tmp_path, ticket)) == 8
    assert lab.control.tickets_minted(HOST) == before + 1
    assert lab.control.tickets_minted() >= before + 1
    lab.control.advance_clock(121)
    with pytest.raises(pywbem.AuthError):
        sensors(lab, tmp_path, ticket)


def test_a_host_outside_the_permission_gives_no_ticket(lab: Lab) -> None:
    with logged_in(lab, ACCOUNT) as content:
        outside = vim.HostSystem(
            next(h["moid"] for h in lab.control.hosts() if "cluster-02" in h["path"]),
            content.rootFolder._stub,
        )
        with pytest.raises(vim.fault.NoPermission) as refused:
            outside.AcquireCimServicesTicket()
    assert refused.value.privilegeId == "Host.Cim.CimInteraction"


def test_a_user_without_any_permission_cannot_log_in(lab: Lab) -> None:
    with pytest.raises(vim.fault.NoPermission) as refused, logged_in(lab, "svc-cim-b@vsphere.local"):
        pass
    assert refused.value.privilegeId == "System.View"


def test_passwords_are_for_the_owner_only_and_differ(lab: Lab) -> None:
    users = ["administrator", "broker-controller", "svc-cim-a", "svc-cim-b"]
    files = [lab.password_file(f"{user}@vsphere.local") for user in users]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert len({each.read_text() for each in files}) == len(files)
    assert stat.S_IMODE(lab.control_socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(lab.control_socket.parent.stat().st_mode) == 0o700


def test_a_disconnected_host_and_one_without_cim_give_no_ticket(lab: Lab) -> None:
    lab.control.disconnect_host(HOST)
    with pytest.raises(vmodl.fault.HostNotConnected):
        ticket_for(lab)
    lab.control.lose_host(HOST)
    with pytest.raises(vmodl.fault.HostNotConnected):
        ticket_for(lab)
    lab.control.reconnect_host(HOST)
    lab.control.set_version(HOST, "9.0.0")
    with pytest.raises(vmodl.fault.NotSupported):
        ticket_for(lab)
    lab.control.set_version(HOST, "8.0.3")
    assert ticket_for(lab).sessionId


def test_a_stopped_wbem_service_shows_in_vcenter_and_on_the_port(lab: Lab, tmp_path: Path) -> None:
    lab.control.set_wbem(HOST, running=False)
    with logged_in(lab) as content:
        services = {each.key: each.running for each in host_object(content).config.service.service}
    assert services["sfcbd-watchdog"] is False
    with pytest.raises(pywbem.ConnectionError):
        sensors(lab, tmp_path, ticket_for(lab))
    lab.control.set_wbem(HOST, running=True)
    assert sensors(lab, tmp_path, ticket_for(lab))


def test_firewall_lockdown_and_maintenance_show_in_vcenter(lab: Lab) -> None:
    lab.control.set_firewall(HOST, enabled=False, allowed=("192.0.2.0/24",))
    lab.control.set_lockdown(HOST, "lockdownStrict")
    lab.control.set_maintenance(HOST, inside=True)
    with logged_in(lab) as content:
        host = host_object(content)
        rules = {each.key: each for each in host.config.firewall.ruleset}
        assert rules["CIMHttpsServer"].enabled is False
        assert rules["CIMHttpsServer"].allowedHosts.allIp is False
        assert host.config.lockdownMode == "lockdownStrict"
        assert host.runtime.inMaintenanceMode is True
    lab.control.set_firewall(HOST, enabled=True)
    lab.control.set_lockdown(HOST, "lockdownDisabled")
    lab.control.set_maintenance(HOST, inside=False)
    assert ticket_for(lab).sessionId


def test_a_changed_certificate_is_the_one_that_vcenter_tells_and_the_host_shows(
    lab: Lab, tmp_path: Path
) -> None:
    old = ticket_for(lab)
    pem = lab.control.change_certificate(HOST)
    new = ticket_for(lab)
    assert new.sslThumbprint != old.sslThumbprint
    assert pem.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in pem
    assert sensors(lab, tmp_path, new)


def test_a_changed_password_replaces_the_old_one(lab: Lab) -> None:
    lab.control.change_password(ACCOUNT, "another-one")
    with pytest.raises(vim.fault.InvalidLogin), logged_in(lab, ACCOUNT):
        pass
    with logged_in(lab, ACCOUNT, "another-one") as content:
        assert content.sessionManager.currentSession.userName == "VSPHERE.LOCAL\\svc-cim-a"
    lab.control.change_password(ACCOUNT, lab.password_file(ACCOUNT).read_text())


def test_killed_sessions_are_gone(lab: Lab) -> None:
    with logged_in(lab, ACCOUNT) as content:
        shown = [each for each in lab.control.sessions() if each["user"] == "VSPHERE.LOCAL\\svc-cim-a"]
        assert lab.control.kill_sessions(ACCOUNT) == len(shown) >= 1
        with pytest.raises(vim.fault.NotAuthenticated):
            content.rootFolder.name  # noqa: B018 - reading a property is a call


def test_what_the_control_socket_tells_holds_no_secret(lab: Lab) -> None:
    with logged_in(lab, ACCOUNT) as content:
        key = content.sessionManager.currentSession.key
        ticket = host_object(content).AcquireCimServicesTicket().sessionId
        told = json.dumps([lab.control.sessions(), lab.control.calls(), lab.control.hosts()])
    assert key not in told
    assert ticket not in told


def test_faults_and_lost_answers_come_when_ordered(lab: Lab) -> None:
    lab.control.set_fault("AcquireCimServicesTicket", "HostCommunication", times=1)
    with pytest.raises(vmodl.fault.HostCommunication):
        ticket_for(lab)
    before = lab.control.tickets_minted()
    lab.control.set_drop("AcquireCimServicesTicket", times=1)
    with pytest.raises(OSError, match=r".*"):
        ticket_for(lab)
    assert lab.control.tickets_minted() == before + 1
    assert ticket_for(lab).sessionId


def test_a_latency_slows_one_method_down(lab: Lab) -> None:
    lab.control.set_latency("AcquireCimServicesTicket", 30)
    with logged_in(lab, ACCOUNT, timeout_s=1) as content:
        host = host_object(content)
        with pytest.raises(TimeoutError):
            host.AcquireCimServicesTicket()
    lab.control.set_latency("AcquireCimServicesTicket", 0)
    assert ticket_for(lab).sessionId


def test_cim_can_be_slowed_down_too(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="negative"):
        lab.control.set_cim_latency("*", -1)
    with pytest.raises(LabError, match="no method"):
        lab.control.set_cim_latency("EnumerateInstance", 1)
    started = time.monotonic()
    lab.control.set_cim_latency("EnumerateInstances", 0.2)
    assert sensors(lab, tmp_path, ticket_for(lab))
    lab.control.set_cim_latency("EnumerateInstances", 0)
    assert time.monotonic() - started >= 0.2


def test_the_vcenter_can_be_away_and_come_back_with_its_sessions(lab: Lab) -> None:
    with logged_in(lab) as content:
        lab.control.stop_vcenter()
        lab.control.stop_vcenter()
        with pytest.raises(OSError, match=r".*"):
            content.rootFolder.name  # noqa: B018 - reading a property is a call
        lab.control.start_vcenter()
        with pytest.raises(LabError, match="running"):
            lab.control.start_vcenter()
        assert content.rootFolder.name == "Datacenters"


@pytest.mark.parametrize("name", ["esx9999.lab.example", "", "*"])
def test_knobs_know_only_the_labs_own_hosts_and_users(lab: Lab, name: str) -> None:
    with pytest.raises(LabError):
        lab.control.disconnect_host(name)
    with pytest.raises(LabError):
        lab.control.change_certificate(name)
    with pytest.raises(LabError):
        lab.control.kill_sessions(name)
    with pytest.raises(LabError):
        lab.control.set_lockdown(HOST, name)


@pytest.mark.parametrize("sizes", [{"hosts": -1}, {"hosts": 1, "standalone": 2}, {"hosts": 10**6}])
def test_sizes_that_make_no_inventory_are_refused(tmp_path: Path, sizes: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        LabOptions(tmp_path, **sizes)


def test_two_labs_do_not_share_a_directory_but_a_new_one_follows_an_old_one(tmp_path: Path) -> None:
    with small_lab(tmp_path / "lab", cim_hosts=0), pytest.raises(LabError, match="another lab"):
        small_lab(tmp_path / "lab", cim_hosts=0)
    with small_lab(tmp_path / "lab", cim_hosts=0) as second:
        assert second.control.now().endswith("+00:00")
        second.close()


def test_a_large_lab_starts_at_once(tmp_path: Path) -> None:
    options = LabOptions(tmp_path / "lab", hosts=2500, clusters=50, cim_hosts=50)
    with Lab.start(options) as lab:
        hosts = lab.control.hosts()
    assert len(hosts) == 2500
    assert sum(each["cim_port"] is not None for each in hosts) == 50
    assert len({each["address"] for each in hosts}) == 2500


def test_a_second_lab_in_the_directory_of_a_running_one_touches_nothing_there(tmp_path: Path) -> None:
    state = tmp_path / "lab"
    with small_lab(state) as lab:
        ca, password = lab.ca_file.read_text(), lab.password_file(ADMINISTRATOR).read_text()
        with pytest.raises(LabError, match="another lab runs"):
            small_lab(state)
        assert lab.ca_file.read_text() == ca
        assert lab.password_file(ADMINISTRATOR).read_text() == password
