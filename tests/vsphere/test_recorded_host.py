"""What a real vCenter 8.0.3 showed of a real ESXi host, read by our readers."""

from typing import Any

import pytest
from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapResponseDeserializer

from broker.clock import SystemClock
from broker.model.inventory import Connection, Firewall
from broker.model.names import HostName, Moid, VcenterId
from broker.vsphere.facts import Facts
from broker.vsphere.hosts import CONNECTION, DNS_DOMAIN, DNS_HOST, LOCKDOWN, VERSION, VNICS
from broker.vsphere.inventory import Tree
from tests.lab_vcenter.recordings import exchanges, needed
from tests.support.scripted_vcenter import ScriptedVcenter, fixed, shown
from tests.support.vcenter_entries import host_entry
from tests.vsphere.conftest import OpenSession

Remote = Any
pytestmark = needed


def recorded(name: str, kind: type) -> Remote:
    answer = next(e.answer for e in exchanges("test_json_host_explode") if e.asked == name)
    reader: Remote = SoapResponseDeserializer
    return reader(None).Deserialize(answer.encode(), kind)


@pytest.fixture(scope="module")
def config() -> Remote:
    return recorded("config", vim.host.ConfigInfo)


def test_a_recorded_host_goes_by_its_dns_name_and_its_addresses(config: Remote) -> None:
    runtime = recorded("runtime", vim.host.RuntimeInfo)
    tree = Tree(VcenterId("prod"), "uuid", Moid("group-d1"))
    tree.put_host(
        "host-15",
        {
            "name": "10.218.43.170",
            "parent": vim.ClusterComputeResource("domain-c8"),
            CONNECTION: runtime.connectionState,
            VERSION: config.product.version,
            LOCKDOWN: config.lockdownMode,
            DNS_HOST: config.network.dnsConfig.hostName,
            DNS_DOMAIN: config.network.dnsConfig.domainName,
            VNICS: config.network.vnic,
        },
    )
    (host,) = tree.inventory().find(HostName("sc1-10-218-43-170.nimbus.eng.vmware.com"))
    assert host.name == "10.218.43.170"
    assert host.addresses == (
        "sc1-10-218-43-170.nimbus.eng.vmware.com",
        "fd01:0:106:301:425:17ff:fe84:894f",
        "10.218.41.153",
    )
    assert (host.connection, host.version, host.lockdown) == (
        Connection.CONNECTED,
        "8.0.3",
        "lockdownDisabled",
    )


def test_a_recorded_host_shows_its_facts(
    config: Remote, scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    session = open_session()
    session.run(lambda _: None)
    scripted.answers["RetrievePropertiesEx"] = fixed(
        shown(
            vim.HostSystem("host-15"),
            {
                "config.service.service": config.service.service,
                "config.firewall.ruleset": config.firewall.ruleset,
                "config.certificate": config.certificate,
            },
        )
    )
    facts = Facts(session, SystemClock()).of(host_entry("host-15"))
    assert facts.cim_running is False
    assert facts.firewall == Firewall(enabled=False, all_addresses=True, allowed=())
    assert facts.certificate_pem
    assert facts.certificate_pem.startswith("-----BEGIN CERTIFICATE-----\n")
