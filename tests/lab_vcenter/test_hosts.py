"""What a host says of itself, and the ticket it is asked for."""

import ssl
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from broker.lab.vcenter.vcenter import VCenterOptions
from tests.support.lab_vcenter import LabVCenter, lab_vcenter

PATH = "DC1/host/cluster-01/esx0001.lab.example"
NAME = "esx0001.lab.example"


def host_of(content: Any) -> Any:
    return content.searchIndex.FindByInventoryPath(PATH)


def test_a_host_has_what_readiness_asks_for(lab: LabVCenter) -> None:
    host = host_of(lab.login())
    assert host.name == NAME
    assert host.parent.name == "cluster-01"
    assert host.runtime.connectionState == "connected"
    assert host.config.product.version == host.summary.config.product.version == "8.0.3"
    assert host.config.lockdownMode == "lockdownDisabled"
    assert host.config.network.vnic[0].spec.ip.ipAddress == "127.64.0.1"
    assert host.config.network.dnsConfig.hostName == "esx0001"
    assert host.hardware.systemInfo.uuid == host.summary.hardware.uuid
    assert host.capability.tpmSupported is False
    assert host.configStatus == host.overallStatus == "green"
    assert (list(host.vm), list(host.datastore), list(host.network)) == ([], [], [])


def test_services_and_firewall_read_the_same_from_the_host_and_its_managers(lab: LabVCenter) -> None:
    lab.world.set_wbem(NAME, running=False)
    lab.world.set_firewall(NAME, enabled=False, allowed=("10.1.2.3", "10.2.0.0/16"))
    host = host_of(lab.login())
    for info in (host.config.service, host.configManager.serviceSystem.serviceInfo):
        running = {each.key: each.running for each in info.service}
        assert running["sfcbd-watchdog"] is False
        assert running["vpxa"] is True
    for info in (host.config.firewall, host.configManager.firewallSystem.firewallInfo):
        ruleset = next(each for each in info.ruleset if each.key == "CIMHttpsServer")
        assert (ruleset.enabled, ruleset.allowedHosts.allIp) == (False, False)
        assert list(ruleset.allowedHosts.ipAddress) == ["10.1.2.3"]
        assert ruleset.allowedHosts.ipNetwork[0].network == "10.2.0.0"
        assert info.defaultPolicy.incomingBlocked


def test_sensors_are_green_and_read_the_same_from_both_places(lab: LabVCenter) -> None:
    host = host_of(lab.login())
    manager = host.configManager.healthStatusSystem
    manager.RefreshHealthStatusSystem()
    for runtime in (host.runtime.healthSystemRuntime, manager.runtime):
        sensors = runtime.systemHealthInfo.numericSensorInfo
        assert {each.healthState.key for each in sensors} == {"green"}
        assert {each.sensorType for each in sensors} >= {"fan", "temperature", "voltage", "power"}
        assert len(runtime.hardwareStatusInfo.cpuStatusInfo) == 2


def test_the_managers_of_a_host_answer_readers(lab: LabVCenter) -> None:
    host = host_of(lab.login())
    assert host.configManager.networkSystem.dnsConfig.domainName == "lab.example"
    assert host.configManager.networkSystem.networkInfo.vnic[0].device == "vmk0"
    lab.world.set_lockdown(NAME, "lockdownStrict")
    assert host.configManager.hostAccessManager.lockdownMode == "lockdownStrict"
    assert host.config.adminDisabled is True


def test_refreshing_services_and_firewall_needs_the_privilege_on_the_host(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), ["Host.Cim.CimInteraction"])
    low, admin = host_of(lab.login("svc-cim-a")), host_of(lab.login())
    admin.configManager.firewallSystem.RefreshFirewall()
    admin.configManager.serviceSystem.RefreshServices()
    with pytest.raises(vim.fault.NoPermission) as refused:
        low.configManager.firewallSystem.RefreshFirewall()
    assert refused.value.privilegeId == "Host.Config.NetService"


def test_a_host_keeps_its_certificate_as_signed_bytes(lab: LabVCenter) -> None:
    host = host_of(lab.login())
    pem = bytes(byte % 256 for byte in host.config.certificate).decode()
    assert pem == lab.hosts.of(NAME, "127.64.0.1").pem
    assert host.summary.config.sslThumbprint == lab.hosts.of(NAME, "127.64.0.1").sha1_thumbprint


def test_a_ticket_names_the_service_and_the_certificate(lab: LabVCenter) -> None:
    host = host_of(lab.login())
    lab.world.host(NAME).cim_port = 54321
    ticket = host.AcquireCimServicesTicket()
    issued = lab.hosts.of(NAME, "127.64.0.1")
    assert (ticket.host, ticket.port, ticket.service) == ("127.64.0.1", 54321, "cim")
    assert (ticket.sslThumbprint, ticket.sslCertificate) == (issued.sha1_thumbprint, None)
    moid = host._GetMoId()
    assert lab.tickets.is_live(moid, ticket.sessionId)
    lab.clock.advance(120)
    assert not lab.tickets.is_live(moid, ticket.sessionId)


def test_a_client_of_version_nine_gets_the_whole_certificate(tmp_path: Any) -> None:
    with lab_vcenter(tmp_path, options=VCenterOptions(api_version="9.0.0.0")) as lab:
        ticket = host_of(lab.login(version="vim.version.v9_0_0_0")).AcquireCimServicesTicket()
        assert ticket.sslThumbprint is None
        assert ssl.PEM_cert_to_DER_cert(ticket.sslCertificate) == lab.hosts.of(NAME, "127.64.0.1").der
        older = host_of(lab.login(version="vim.version.v8_0_2_0")).AcquireCimServicesTicket()
        assert older.sslThumbprint is not None


def test_a_ticket_needs_the_privilege_on_that_host(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), ["Host.Cim.CimInteraction"])
    lab.grant("svc-cim-a", lab.moid("DC1/host/Racks"), ["System.Read"])
    low = lab.login("svc-cim-a")
    assert host_of(low).AcquireCimServicesTicket().sessionId
    other = low.searchIndex.FindByInventoryPath("DC1/host/Racks/cluster-02/esx0005.lab.example")
    with pytest.raises(vim.fault.NoPermission) as refused:
        other.AcquireCimServicesTicket()
    assert refused.value.privilegeId == "Host.Cim.CimInteraction"
    assert refused.value.object == other
    (missing,) = refused.value.missingPrivileges
    assert (missing.entity, list(missing.privilegeIds)) == (other, ["Host.Cim.CimInteraction"])
    assert lab.tickets.minted() == 1


def test_a_disconnected_host_gives_no_ticket(lab: LabVCenter) -> None:
    host = host_of(lab.login())
    lab.world.disconnect_host(NAME)
    with pytest.raises(vmodl.fault.HostNotConnected):
        host.AcquireCimServicesTicket()
    assert host.runtime.powerState == "unknown"
    lab.world.reconnect_host(NAME)
    assert host.AcquireCimServicesTicket().sessionId


def test_an_esx_nine_host_gives_no_ticket(lab: LabVCenter) -> None:
    host = host_of(lab.login())
    lab.world.set_version(NAME, "9.0.0")
    assert host.config.product.fullName.startswith("VMware ESX 9.0.0")
    with pytest.raises(vmodl.fault.NotSupported):
        host.AcquireCimServicesTicket()


def test_folders_datacenters_clusters_and_pools_hang_together(lab: LabVCenter) -> None:
    content = lab.login()
    datacenter = next(each for each in content.rootFolder.childEntity if each.name == "DC1")
    assert datacenter.hostFolder.name == "host"
    assert datacenter.vmFolder.childType[1] == "VirtualMachine"
    assert {datacenter.datastoreFolder.name, datacenter.networkFolder.name} == {"datastore", "network"}
    assert (list(datacenter.datastore), list(datacenter.network)) == ([], [])
    cluster = next(each for each in datacenter.hostFolder.childEntity if each.name == "cluster-01")
    lab.world.disconnect_host(NAME)
    assert (cluster.summary.numHosts, cluster.summary.numEffectiveHosts) == (4, 3)
    assert cluster.resourcePool.owner == cluster
    assert (list(cluster.resourcePool.resourcePool), list(cluster.resourcePool.vm)) == ([], [])
    assert cluster.alarmActionsEnabled is True
    assert (list(cluster.tag), list(cluster.customValue)) == ([], [])
    alone = next(each for each in datacenter.hostFolder.childEntity if type(each) is vim.ComputeResource)
    assert [each.name for each in alone.host] == [alone.name]
    assert alone.summary.numHosts == 1


def test_permissions_of_an_entity_are_a_property_of_it(lab: LabVCenter) -> None:
    content = lab.login()
    (held,) = content.rootFolder.permission
    assert (held.principal, held.group, held.roleId) == (r"VSPHERE.LOCAL\Administrators", True, -1)
    assert list(host_of(content).permission) == []
