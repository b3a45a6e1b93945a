"""Reading properties: traversal, pages, what is missing and what is wrong."""

import pytest
from pyVmomi import vim, vmodl

from tests.lab_vcenter.collecting import Collector, of_everything, of_object, of_view, values
from tests.support.lab_vcenter import LabVCenter


def test_named_traversals_reach_every_host_once(lab: LabVCenter) -> None:
    content = lab.login()
    found = content.propertyCollector.RetrieveProperties(
        [of_everything(content.rootFolder, vim.HostSystem, "name")]
    )
    assert sorted(values(each)["name"] for each in found) == [f"esx{n:04d}.lab.example" for n in range(1, 11)]


def test_a_supertype_in_the_spec_selects_its_subtypes(lab: LabVCenter) -> None:
    content = lab.login()
    spec = of_everything(content.rootFolder, vim.ManagedEntity, "name")
    found = content.propertyCollector.RetrieveProperties([spec])
    kinds = {type(each.obj) for each in found}
    assert {
        vim.Folder,
        vim.Datacenter,
        vim.ClusterComputeResource,
        vim.ComputeResource,
        vim.ResourcePool,
    } <= kinds
    assert len({each.obj._GetMoId() for each in found}) == len(found)


def test_pages_come_by_token_and_each_token_works_once(lab: LabVCenter) -> None:
    content = lab.login()
    collector = content.propertyCollector
    spec = of_everything(content.rootFolder, vim.HostSystem, "name")
    first = collector.RetrievePropertiesEx([spec], Collector.RetrieveOptions(maxObjects=4))
    second = collector.ContinueRetrievePropertiesEx(first.token)
    third = collector.ContinueRetrievePropertiesEx(second.token)
    assert [len(page.objects) for page in (first, second, third)] == [4, 4, 2]
    assert third.token is None
    with pytest.raises(vmodl.fault.InvalidArgument):
        collector.ContinueRetrievePropertiesEx(first.token)


def test_pages_that_nobody_wants_can_be_cancelled(lab: LabVCenter) -> None:
    content = lab.login()
    collector = content.propertyCollector
    spec = of_everything(content.rootFolder, vim.HostSystem, "name")
    page = collector.RetrievePropertiesEx([spec], Collector.RetrieveOptions(maxObjects=4))
    collector.CancelRetrievePropertiesEx(page.token)
    for again in (collector.CancelRetrievePropertiesEx, collector.ContinueRetrievePropertiesEx):
        with pytest.raises(vmodl.fault.InvalidArgument):
            again(page.token)


def test_a_token_belongs_to_its_session(lab: LabVCenter) -> None:
    mine, theirs = lab.login(), lab.login()
    spec = of_everything(mine.rootFolder, vim.HostSystem, "name")
    page = mine.propertyCollector.RetrievePropertiesEx([spec], Collector.RetrieveOptions(maxObjects=4))
    with pytest.raises(vmodl.fault.InvalidArgument):
        theirs.propertyCollector.ContinueRetrievePropertiesEx(page.token)


def test_nothing_found_is_no_result(lab: LabVCenter) -> None:
    content = lab.login()
    spec = of_everything(content.rootFolder, vim.VirtualMachine, "name")
    assert content.propertyCollector.RetrievePropertiesEx([spec], Collector.RetrieveOptions()) is None
    assert content.propertyCollector.RetrieveProperties([spec]) == []


def test_all_properties_are_those_that_the_lab_models(lab: LabVCenter) -> None:
    content = lab.login()
    spec = of_object(content.rootFolder)
    spec.propSet[0].all = True
    (found,) = content.propertyCollector.RetrieveProperties([spec])
    assert values(found)["name"] == "Datacenters"
    assert values(found)["childType"] == ["Folder", "Datacenter"]
    assert "parent" not in values(found)


@pytest.mark.parametrize(
    "path", ["nonsense", "config.nonsense", "name.length", "config.product.version.major"]
)
def test_a_path_that_the_type_lacks_is_refused(lab: LabVCenter, path: str) -> None:
    content = lab.login()
    spec = of_everything(content.rootFolder, vim.HostSystem, path)
    with pytest.raises(vmodl.query.InvalidProperty) as refused:
        content.propertyCollector.RetrieveProperties([spec])
    assert refused.value.name == path


def test_a_path_that_the_lab_does_not_model_is_missing_and_not_made_up(lab: LabVCenter) -> None:
    content = lab.login()
    host = content.searchIndex.FindByInventoryPath("DC1/host/cluster-01/esx0001.lab.example")
    (found,) = content.propertyCollector.RetrieveProperties([of_object(host, "name", "systemResources")])
    assert values(found) == {"name": "esx0001.lab.example"}
    assert [(each.path, type(each.fault)) for each in found.missingSet] == [
        ("systemResources", vmodl.fault.NotSupported)
    ]
    with pytest.raises(vmodl.fault.NotSupported):
        host.systemResources  # noqa: B018 - reading is the call


def test_what_the_caller_may_not_read_is_missing_with_the_privilege(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), ["Host.Cim.CimInteraction"])
    low = lab.login("svc-cim-a")
    datacenter = low.searchIndex.FindByInventoryPath("DC1")
    (found,) = low.propertyCollector.RetrieveProperties([of_object(datacenter, "name", "overallStatus")])
    assert values(found) == {"name": "DC1"}
    (missing,) = found.missingSet
    assert missing.path == "overallStatus"
    assert missing.fault.privilegeId == "System.Read"
    assert missing.fault.missingPrivileges[0].privilegeIds == ["System.Read"]
    with pytest.raises(vim.fault.NoPermission):
        datacenter.overallStatus  # noqa: B018 - reading is the call


def test_only_what_the_caller_may_see_is_reached(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), ["Host.Cim.CimInteraction"])
    low = lab.login("svc-cim-a")
    found = low.propertyCollector.RetrieveProperties([of_everything(low.rootFolder, vim.HostSystem, "name")])
    assert sorted(values(each)["name"] for each in found) == [f"esx{n:04d}.lab.example" for n in range(1, 5)]
    view = low.viewManager.CreateContainerView(low.rootFolder, [vim.HostSystem], recursive=True)
    assert len(view.view) == 4


def test_without_a_session_nothing_can_be_collected(lab: LabVCenter) -> None:
    content = lab.connect().RetrieveContent()
    with pytest.raises(vim.fault.NotAuthenticated):
        content.propertyCollector.RetrieveProperties([of_object(content.rootFolder, "name")])
    with pytest.raises(vim.fault.NotAuthenticated):
        content.propertyCollector.CreateFilter(of_object(content.rootFolder, "name"), partialUpdates=False)


def test_an_object_that_is_not_there_ends_the_call_unless_that_is_waived(lab: LabVCenter) -> None:
    content = lab.login()
    spec = of_object(vim.HostSystem("host-9999"), "name")
    with pytest.raises(vmodl.fault.ManagedObjectNotFound) as refused:
        content.propertyCollector.RetrieveProperties([spec])
    assert refused.value.obj._GetMoId() == "host-9999"
    spec.reportMissingObjectsInResults = True
    assert content.propertyCollector.RetrieveProperties([spec]) == []


def test_a_selection_of_a_name_that_nothing_has_is_refused(lab: LabVCenter) -> None:
    content = lab.login()
    dangling = of_object(content.rootFolder, "name")
    dangling.objectSet[0].selectSet = [Collector.SelectionSpec(name="nowhere")]
    with pytest.raises(vmodl.fault.InvalidArgument):
        content.propertyCollector.RetrieveProperties([dangling])


def test_a_traversal_over_what_may_not_be_read_reaches_nothing(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), ["Host.Cim.CimInteraction"])
    low = lab.login("svc-cim-a")
    host = low.searchIndex.FindByInventoryPath("DC1/host/cluster-01/esx0001.lab.example")
    spec = of_object(host, "name")
    spec.objectSet[0].selectSet = [
        Collector.TraversalSpec(type=vim.HostSystem, path="datastoreBrowser", skip=False),
        Collector.TraversalSpec(type=vim.HostSystem, path="configManager.serviceSystem", skip=False),
    ]
    spec.propSet.append(Collector.PropertySpec(type=vim.host.ServiceSystem, pathSet=["serviceInfo"]))
    found = low.propertyCollector.RetrieveProperties([spec])
    assert {type(each.obj) for each in found} == {vim.HostSystem, vim.host.ServiceSystem}


def test_views_tell_what_was_asked_of_them_and_can_be_destroyed(lab: LabVCenter) -> None:
    content = lab.login()
    datacenter = content.searchIndex.FindByInventoryPath("DC1")
    view = content.viewManager.CreateContainerView(datacenter, [], recursive=False)
    assert sorted(each.name for each in view.view) == ["datastore", "host", "network", "vm"]
    assert (view.container, list(view.type), view.recursive) == (datacenter, [], False)
    assert [each._GetMoId() for each in content.viewManager.viewList] == [view._GetMoId()]
    spec = of_view(view, vim.Folder, "name")
    assert len(content.propertyCollector.RetrieveProperties([spec])) == 4
    view.DestroyView()
    assert list(content.viewManager.viewList) == []
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        view.view  # noqa: B018 - reading is the call


def test_a_view_names_its_types(lab: LabVCenter) -> None:
    content = lab.login()
    kinds = [vim.HostSystem, vim.ClusterComputeResource]
    view = content.viewManager.CreateContainerView(content.rootFolder, kinds, recursive=True)
    assert list(view.type) == ["HostSystem", "ClusterComputeResource"]


def test_a_view_of_nothing_is_refused(lab: LabVCenter) -> None:
    content = lab.login()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        content.viewManager.CreateContainerView(vim.Folder("group-d999"), [], recursive=True)


def test_another_sessions_view_is_not_there(lab: LabVCenter) -> None:
    mine, theirs = lab.login(), lab.login()
    view = mine.viewManager.CreateContainerView(mine.rootFolder, [vim.HostSystem], recursive=True)
    foreign = vim.view.ContainerView(view._GetMoId(), theirs.rootFolder._stub)
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        foreign.view  # noqa: B018 - reading is the call
