"""EventManager: queries, filters, collectors, and what a caller may see."""

from datetime import timedelta
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from tests.support.lab_vcenter import LabVCenter

Spec: Any = vim.event.EventFilterSpec
Collector: Any = vmodl.query.PropertyCollector
CLUSTER = "DC1/host/cluster-01"


def grant_over_the_wire(lab: LabVCenter, content: Any, moid: str) -> None:
    entity = vim.ClusterComputeResource(moid)
    permission = vim.AuthorizationManager.Permission(
        principal=r"VSPHERE.LOCAL\svc-cim-a", group=False, roleId=-2, propagate=True
    )
    content.authorizationManager.SetEntityPermissions(entity, [permission])


def test_logging_in_is_an_event_that_names_the_session(lab: LabVCenter) -> None:
    content = lab.login()
    latest = content.eventManager.latestEvent
    assert isinstance(latest, vim.event.UserLoginSessionEvent)
    assert latest.sessionId == content.sessionManager.currentSession.key
    assert latest.userName == r"VSPHERE.LOCAL\administrator"
    assert (latest.userAgent or "").startswith("pyvmomi")
    assert latest.chainId == latest.key


@pytest.mark.parametrize("name", ["UserLoginSessionEvent", "vim.event.UserLoginSessionEvent", "SessionEvent"])
def test_events_are_picked_by_the_name_of_their_class_or_of_one_above(lab: LabVCenter, name: str) -> None:
    content = lab.login()
    grant_over_the_wire(lab, content, lab.moid(CLUSTER))
    found = content.eventManager.QueryEvents(Spec(eventTypeId=[name]))
    assert [type(each) for each in found] == [vim.event.UserLoginSessionEvent]


def test_events_are_picked_by_time_user_chain_and_number(lab: LabVCenter) -> None:
    first = lab.login()
    begin = lab.clock.now() + timedelta(minutes=1)
    lab.clock.advance(120)
    lab.login()
    query = first.eventManager.QueryEvents
    later = query(Spec(time=Spec.ByTime(beginTime=begin)))
    assert len(later) == 1
    assert len(query(Spec(time=Spec.ByTime(endTime=begin)))) == 1
    assert len(query(Spec(maxCount=1))) == 1
    assert query(Spec(eventChainId=later[0].chainId))[0].key == later[0].key
    by_user = Spec.ByUsername(systemUser=False, userList=[r"VSPHERE.LOCAL\administrator"])
    assert len(query(Spec(userName=by_user))) == 2
    assert query(Spec(userName=Spec.ByUsername(systemUser=True, userList=["nobody"]))) == []


def test_events_are_picked_by_entity_and_how_far_below(lab: LabVCenter) -> None:
    content = lab.login()
    cluster = lab.moid(CLUSTER)
    grant_over_the_wire(lab, content, cluster)

    def found(entity: Any, recursion: str) -> int:
        by_entity = Spec.ByEntity(entity=entity, recursion=recursion)
        return len(content.eventManager.QueryEvents(Spec(entity=by_entity, eventTypeId=["PermissionEvent"])))

    there, folder = vim.ClusterComputeResource(cluster), vim.Folder("group-d1")
    assert [found(there, each) for each in ("self", "children", "all")] == [1, 0, 1]
    assert [found(folder, each) for each in ("self", "children", "all")] == [0, 1, 1]
    by_root = Spec.ByEntity(entity=folder, recursion="self")
    assert len(content.eventManager.QueryEvents(Spec(entity=by_root))) == 1


def test_events_of_entities_that_the_caller_may_not_see_are_not_shown(lab: LabVCenter) -> None:
    content = lab.login()
    grant_over_the_wire(lab, content, lab.moid(CLUSTER))
    lab.grant("svc-cim-b", lab.moid("DC2"), ["Host.Cim.CimInteraction"])
    other = lab.login("svc-cim-b")
    assert other.eventManager.QueryEvents(Spec(eventTypeId=["PermissionEvent"])) == []
    assert len(content.eventManager.QueryEvents(Spec(eventTypeId=["PermissionEvent"]))) == 1
    grant_over_the_wire(lab, content, lab.moid(CLUSTER))
    assert isinstance(other.eventManager.latestEvent, vim.event.UserLoginSessionEvent)


def test_a_collector_pages_through_the_history_both_ways(lab: LabVCenter) -> None:
    content = lab.login()
    for _ in range(5):
        lab.login()
    collector = content.eventManager.CreateCollectorForEvents(Spec(eventTypeId=["UserLoginSessionEvent"]))
    assert collector.filter.eventTypeId == ["UserLoginSessionEvent"]
    pages = [[each.key for each in collector.ReadNextEvents(4)] for _ in range(3)]
    assert [len(page) for page in pages] == [4, 2, 0]
    assert [*pages[0], *pages[1]] == sorted([*pages[0], *pages[1]])
    assert [each.key for each in collector.ReadPreviousEvents(3)] == [*pages[0][2:], *pages[1][:1]][::-1]
    collector.RewindCollector()
    assert [each.key for each in collector.ReadNextEvents(4)] == pages[0]
    collector.SetCollectorPageSize(2)
    assert [each.key for each in collector.latestPage] == pages[1][::-1]
    collector.ResetCollector()
    assert list(collector.ReadNextEvents(4)) == []
    lab.login()
    assert len(collector.ReadNextEvents(4)) == 1
    collector.DestroyCollector()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        collector.ReadNextEvents(1)


def test_a_collector_refuses_impossible_counts(lab: LabVCenter) -> None:
    collector = lab.login().eventManager.CreateCollectorForEvents(Spec())
    for call in (collector.ReadNextEvents, collector.ReadPreviousEvents, collector.SetCollectorPageSize):
        with pytest.raises(vmodl.fault.InvalidArgument):
            call(0)


def test_a_session_has_only_so_many_collectors(lab: LabVCenter) -> None:
    manager = lab.login().eventManager
    for _ in range(manager.maxCollector):
        manager.CreateCollectorForEvents(Spec())
    with pytest.raises(vim.fault.InvalidState):
        manager.CreateCollectorForEvents(Spec())
    assert {each.key for each in manager.description.category} >= {"info", "error"}


def test_who_waits_for_a_collectors_latest_page_is_told_of_each_event_that_it_picks(lab: LabVCenter) -> None:
    content = lab.login()
    events = content.eventManager.CreateCollectorForEvents(Spec(eventTypeId=["PermissionAddedEvent"]))
    collector = content.propertyCollector.CreatePropertyCollector()
    wanted = Collector.PropertySpec(type=vim.event.EventHistoryCollector, all=False, pathSet=["latestPage"])
    page = Collector.FilterSpec(objectSet=[Collector.ObjectSpec(obj=events)], propSet=[wanted])
    collector.CreateFilter(spec=page, partialUpdates=False)
    at_once = Collector.WaitOptions(maxWaitSeconds=0)
    first = collector.WaitForUpdatesEx("", at_once)
    content.authorizationManager.AddAuthorizationRole("another", [])
    assert collector.WaitForUpdatesEx(first.version, at_once) is None
    grant_over_the_wire(lab, content, lab.moid(CLUSTER))
    told = collector.WaitForUpdatesEx(first.version, Collector.WaitOptions(maxWaitSeconds=10))
    ((change,),) = [each.changeSet for each in told.filterSet[0].objectSet]
    assert change.name == "latestPage"
    (event,) = change.val
    assert (event.userName, event.principal) == (r"VSPHERE.LOCAL\administrator", r"VSPHERE.LOCAL\svc-cim-a")
