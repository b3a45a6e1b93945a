"""WaitForUpdatesEx: versions, what changed, who entered and left, and how waiting ends."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from broker.lab.errors import LabError
from tests.lab_vcenter.collecting import Collector, changed, of_object, of_view
from tests.support.lab_vcenter import LabVCenter

LIGHT = ("name", "parent", "runtime.connectionState", "config.product.version", "config.lockdownMode")
HOST = "esx0001.lab.example"


def wait(collector: Any, version: str, seconds: int = 0, most: int | None = None) -> Any:
    options = Collector.WaitOptions(maxWaitSeconds=seconds, maxObjectUpdates=most)
    return collector.WaitForUpdatesEx(version, options)


def watch_hosts(content: Any, *paths: str) -> Any:
    collector = content.propertyCollector.CreatePropertyCollector()
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem], recursive=True)
    collector.CreateFilter(of_view(view, vim.HostSystem, *(paths or LIGHT)), partialUpdates=False)
    return collector


def updates(update_set: Any) -> list[Any]:
    return [each for filter_update in update_set.filterSet for each in filter_update.objectSet]


def test_the_first_version_brings_everything_and_the_next_only_what_changed(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    first = wait(collector, "")
    assert {each.kind for each in updates(first)} == {"enter"}
    assert len(updates(first)) == 10
    assert wait(collector, first.version) is None
    lab.world.disconnect_host(HOST)
    lab.world.set_version(HOST, "9.0.0")
    second = wait(collector, first.version)
    (update,) = updates(second)
    assert update.kind == "modify"
    assert changed(update) == {"runtime.connectionState": "disconnected", "config.product.version": "9.0.0"}
    assert wait(collector, second.version) is None


def test_a_reply_that_was_lost_can_be_asked_for_again(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    first = wait(collector, "")
    lab.world.disconnect_host(HOST)
    lost = wait(collector, first.version)
    again = wait(collector, first.version)
    assert [changed(each) for each in updates(again)] == [changed(each) for each in updates(lost)]


def test_a_version_that_was_never_given_is_refused(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    wait(collector, "")
    with pytest.raises(vmodl.query.InvalidCollectorVersion):
        wait(collector, "77")


def test_starting_over_brings_everything_again(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    wait(collector, "")
    assert len(updates(wait(collector, ""))) == 10


def test_many_updates_come_in_several_sets(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    sizes, version, truncated = [], "", True
    while truncated:
        part = wait(collector, version, most=4)
        sizes.append(len(updates(part)))
        version, truncated = part.version, bool(part.truncated)
    assert sizes == [4, 4, 2]
    assert wait(collector, version, most=4) is None


def in_background(call: Callable[[], Any]) -> tuple[ThreadPoolExecutor, Future[Any]]:
    pool = ThreadPoolExecutor(1)
    return pool, pool.submit(call)


def test_a_waiting_client_hears_of_a_change_at_once(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    version = wait(collector, "").version
    pool, heard = in_background(lambda: wait(collector, version, seconds=30))
    with pool:
        lab.world.set_lockdown(HOST, "lockdownNormal")
        (update,) = updates(heard.result(timeout=10))
    assert changed(update) == {"config.lockdownMode": "lockdownNormal"}


def test_a_change_to_what_nobody_asked_for_is_no_news(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login(), "name", "runtime.connectionState")
    version = wait(collector, "").version
    lab.world.set_wbem(HOST, running=False)
    lab.world.set_firewall(HOST, enabled=False, allowed=("10.0.0.0/8",))
    lab.world.set_maintenance(HOST, inside=True)
    lab.world.certificate_changed(HOST)
    assert wait(collector, version) is None


def test_a_change_below_or_above_an_asked_path_is_news(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login(), "runtime", "config.service.service")
    version = wait(collector, "").version
    lab.world.lose_host(HOST)
    lab.world.set_wbem(HOST, running=False)
    (update,) = updates(wait(collector, version))
    assert changed(update)["runtime"].connectionState == "notResponding"
    services = {each.key: each.running for each in changed(update)["config.service.service"]}
    assert services["sfcbd-watchdog"] is False


def test_cancelling_ends_a_wait(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    version = wait(collector, "").version
    pool, ended = in_background(lambda: wait(collector, version, seconds=30))
    with pool:
        while not ended.done():
            collector.CancelWaitForUpdates()
            threading.Event().wait(0.02)
        with pytest.raises(vmodl.fault.RequestCanceled):
            ended.result()


def test_a_wait_ends_with_its_session(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    version = wait(collector, "").version
    pool, ended = in_background(lambda: wait(collector, version, seconds=30))
    with pool:
        while lab.knobs.calls()["WaitForUpdatesEx"] < 2:
            threading.Event().wait(0.02)
        lab.sessions.kill(r"VSPHERE.LOCAL\administrator")
        with pytest.raises((vim.fault.NotAuthenticated, vmodl.fault.RequestCanceled)):
            ended.result(timeout=10)


def test_a_host_enters_when_a_right_to_it_is_given(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), ["Host.Cim.CimInteraction"])
    collector = watch_hosts(lab.login("svc-cim-a"))
    first = wait(collector, "")
    assert len(updates(first)) == 4
    lab.grant("svc-cim-a", lab.moid("DC1/host/Racks"), ["Host.Cim.CimInteraction"])
    second = wait(collector, first.version)
    assert {each.kind for each in updates(second)} == {"enter"}
    assert len(updates(second)) == 4


def test_a_host_leaves_when_the_right_to_it_is_taken(lab: LabVCenter) -> None:
    cluster = lab.moid("DC1/host/cluster-01")
    lab.grant("svc-cim-a", cluster, ["Host.Cim.CimInteraction"])
    lab.grant("svc-cim-a", lab.moid("DC1/host/Racks"), ["Host.Cim.CimInteraction"])
    collector = watch_hosts(lab.login("svc-cim-a"))
    first = wait(collector, "")
    admin = lab.login()
    admin.authorizationManager.RemoveEntityPermission(
        vim.ClusterComputeResource(cluster), r"VSPHERE.LOCAL\svc-cim-a", isGroup=False
    )
    second = wait(collector, first.version)
    assert [each.kind for each in updates(second)] == ["leave"] * 4


def test_a_list_of_children_changes_with_the_rights(lab: LabVCenter) -> None:
    lab.grant("svc-cim-a", lab.moid("DC1/host/cluster-01"), ["Host.Cim.CimInteraction"])
    low = lab.login("svc-cim-a")
    collector = low.propertyCollector
    collector.CreateFilter(of_object(low.rootFolder, "childEntity", "name"), partialUpdates=False)
    first = wait(collector, "")
    lab.grant("svc-cim-a", lab.moid("DC2"), ["Host.Cim.CimInteraction"])
    (update,) = updates(wait(collector, first.version))
    assert update.kind == "modify"
    assert len(changed(update)["childEntity"]) == 2


def test_a_right_that_changes_nothing_for_the_watcher_is_no_news(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    version = wait(collector, "").version
    lab.grant("svc-cim-b", lab.moid("DC2"), ["Host.Cim.CimInteraction"])
    assert wait(collector, version) is None


def test_a_filter_can_be_added_and_destroyed(lab: LabVCenter) -> None:
    content = lab.login()
    collector = content.propertyCollector
    spec = of_object(content.rootFolder, "name")
    first_filter = collector.CreateFilter(spec, partialUpdates=True)
    first = wait(collector, "")
    second_filter = collector.CreateFilter(
        of_object(content.searchIndex.FindByInventoryPath("DC1"), "name"), partialUpdates=False
    )
    (update,) = updates(wait(collector, first.version))
    assert changed(update) == {"name": "DC1"}
    assert list(collector.filter) == [first_filter, second_filter]
    assert first_filter.spec.propSet[0].pathSet == ["name"]
    assert first_filter.partialUpdates is False
    first_filter.DestroyPropertyFilter()
    assert list(collector.filter) == [second_filter]


def test_a_collector_of_ones_own_can_be_destroyed_but_not_the_shared_one(lab: LabVCenter) -> None:
    content = lab.login()
    collector = watch_hosts(content)
    collector.DestroyPropertyCollector()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        wait(collector, "")
    with pytest.raises(vmodl.fault.NotSupported):
        content.propertyCollector.DestroyPropertyCollector()


def test_the_old_forms_of_waiting_work(lab: LabVCenter) -> None:
    content = lab.login()
    collector = watch_hosts(content)
    first = collector.WaitForUpdates("")
    assert collector.CheckForUpdates(first.version) is None
    lab.world.reconnect_host(HOST)
    assert len(updates(collector.CheckForUpdates(first.version))) == 1


@pytest.mark.parametrize("options", [{"maxWaitSeconds": -1}, {"maxObjectUpdates": 0}])
def test_impossible_options_are_refused(lab: LabVCenter, options: dict[str, int]) -> None:
    collector = lab.login().propertyCollector
    with pytest.raises(vmodl.fault.InvalidArgument):
        collector.WaitForUpdatesEx("", Collector.WaitOptions(**options))


def test_sessions_events_and_roles_can_be_watched(lab: LabVCenter) -> None:
    content = lab.login()
    collector = content.propertyCollector
    for managed, path in (
        (content.sessionManager, "sessionList"),
        (content.eventManager, "latestEvent"),
        (content.authorizationManager, "roleList"),
    ):
        collector.CreateFilter(of_object(managed, path), partialUpdates=False)
    version = wait(collector, "").version
    lab.login()
    second = wait(collector, version)
    heard = {path for each in updates(second) for path in changed(each)}
    assert heard == {"sessionList", "latestEvent"}
    content.authorizationManager.AddAuthorizationRole("role-a", ["System.View"])
    heard = {path for each in updates(wait(collector, second.version)) for path in changed(each)}
    assert "roleList" in heard


def test_stopping_the_lab_lets_waiting_clients_go(lab: LabVCenter) -> None:
    collector = watch_hosts(lab.login())
    version = wait(collector, "").version
    pool, ended = in_background(lambda: wait(collector, version, seconds=30))
    with pool:
        while lab.knobs.calls()["WaitForUpdatesEx"] < 2:
            threading.Event().wait(0.02)
        lab.world.changes.close()
        with pytest.raises(vmodl.fault.RequestCanceled):
            ended.result(timeout=10)


def test_a_new_name_and_a_new_place_are_told(lab: LabVCenter) -> None:
    content = lab.login()
    cluster = lab.moid("DC1/host/cluster-01")
    lab.world.rename("/DC1/host/cluster-01", "moved")
    lab.world.move("/DC1/host/moved", "/DC2/host")
    found = content.searchIndex.FindByInventoryPath("DC2/host/moved")
    assert found._moId == cluster
    assert [each._moId for each in found.parent.childEntity if each.name == "moved"] == [cluster]
    with pytest.raises(LabError):
        lab.world.move("/DC1", "/DC1/host/Racks")
    with pytest.raises(LabError):
        lab.world.rename("/DC1/host/moved", "again")
