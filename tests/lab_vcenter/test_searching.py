"""SearchIndex, UserDirectory and OptionManager."""

from typing import Any

import pytest
from pyVmomi import vim, vmodl

from tests.support.lab_vcenter import LabVCenter

NAME = "esx0001.lab.example"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "Datacenters"),
        ("/", "Datacenters"),
        ("DC1", "DC1"),
        ("/DC1/host/cluster-01", "cluster-01"),
        ("DC1/host/cluster-01/esx0001.lab.example", NAME),
        ("DC1/host/Racks/cluster-02/Resources", "Resources"),
        ("DC1/host/esx0009.lab.example/esx0009.lab.example", "esx0009.lab.example"),
    ],
)
def test_an_entity_is_found_by_its_path(lab: LabVCenter, path: str, name: str) -> None:
    assert lab.login().searchIndex.FindByInventoryPath(path).name == name


@pytest.mark.parametrize("path", ["DC3", "DC1/host/none", "DC1/host/none/below", "host"])
def test_a_path_that_leads_nowhere_finds_nothing(lab: LabVCenter, path: str) -> None:
    assert lab.login().searchIndex.FindByInventoryPath(path) is None


def test_a_host_is_found_by_name_address_and_uuid(lab: LabVCenter) -> None:
    index = lab.login().searchIndex
    host = index.FindByDnsName(None, NAME.upper(), vmSearch=False)
    assert host.name == NAME
    assert index.FindByIp(None, "127.64.0.1", vmSearch=False) == host
    uuid = host.hardware.systemInfo.uuid
    assert index.FindByUuid(None, uuid.upper(), vmSearch=False, instanceUuid=None) == host
    assert list(index.FindAllByUuid(None, uuid, vmSearch=False, instanceUuid=None)) == [host]
    assert list(index.FindAllByDnsName(None, NAME, vmSearch=False)) == [host]
    assert list(index.FindAllByIp(None, "127.64.0.1", vmSearch=False)) == [host]


def test_a_search_in_another_datacenter_or_for_machines_finds_no_host(lab: LabVCenter) -> None:
    content = lab.login()
    first, second = (content.searchIndex.FindByInventoryPath(name) for name in ("DC1", "DC2"))
    index: Any = content.searchIndex
    assert index.FindByDnsName(first, NAME, vmSearch=False) is not None
    assert index.FindByDnsName(second, NAME, vmSearch=False) is None
    assert index.FindByDnsName(None, NAME, vmSearch=True) is None
    with pytest.raises(vmodl.fault.InvalidArgument):
        index.FindByUuid(None, "any", vmSearch=False, instanceUuid=True)


def test_a_child_is_found_by_its_name(lab: LabVCenter) -> None:
    content = lab.login()
    assert content.searchIndex.FindChild(content.rootFolder, "DC2").name == "DC2"
    assert content.searchIndex.FindChild(content.rootFolder, "DC9") is None
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        content.searchIndex.FindChild(vim.Folder("group-d99"), "DC2")


def test_what_the_caller_may_not_see_is_not_found(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/Racks"), ["Host.Cim.CimInteraction"])
    index = lab.login("svc-cim-a").searchIndex
    assert index.FindByDnsName(None, NAME, vmSearch=False) is None
    assert index.FindByInventoryPath("DC1/host/cluster-01/esx0001.lab.example") is None
    assert index.FindByDnsName(None, "esx0005.lab.example", vmSearch=False) is not None


def principals(content: Any, **wanted: Any) -> list[str]:
    asked = {
        "domain": None,
        "searchStr": "",
        "belongsToGroup": None,
        "belongsToUser": None,
        "exactMatch": False,
        "findUsers": True,
        "findGroups": False,
    }
    return [each.principal for each in content.userDirectory.RetrieveUserGroups(**{**asked, **wanted})]


def test_principals_can_be_looked_up(lab: LabVCenter) -> None:
    content = lab.login()
    assert list(content.userDirectory.domainList) == ["VSPHERE.LOCAL"]
    assert principals(content, searchStr="SVC-") == ["svc-cim-a", "svc-cim-b"]
    assert principals(content, searchStr="svc-cim-a", exactMatch=True, domain="vsphere.local") == [
        "svc-cim-a"
    ]
    assert principals(content, searchStr="admin", findUsers=False, findGroups=True) == ["Administrators"]
    with pytest.raises(vim.fault.NotFound):
        principals(content, domain="elsewhere")


def test_settings_can_be_read_by_name_and_by_prefix(lab: LabVCenter) -> None:
    setting = lab.login().setting
    (idle,) = setting.QueryOptions("config.vmacore.soap.sessionTimeout")
    assert idle.value == "30"
    assert len(setting.QueryOptions("config.")) == 2
    assert len(setting.setting) == 5
    with pytest.raises(vim.fault.InvalidName):
        setting.QueryOptions("no.such.setting")
