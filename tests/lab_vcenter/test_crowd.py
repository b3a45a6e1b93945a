"""Many hosts, many clients."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyVmomi import vim

from broker.lab.world.inventory import build
from tests.lab_vcenter.collecting import Collector, changed, of_view
from tests.support.lab_vcenter import LabVCenter, Size, lab_vcenter


def test_a_lab_of_2500_hosts_tells_a_watcher_only_what_changed(tmp_path: Path) -> None:
    with lab_vcenter(tmp_path, Size(hosts=2500, clusters=50, standalone=20)) as lab:
        content = lab.login()
        view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem], recursive=True)
        collector = content.propertyCollector
        collector.CreateFilter(
            of_view(view, vim.HostSystem, "name", "runtime.connectionState"), partialUpdates=False
        )
        now = Collector.WaitOptions(maxWaitSeconds=0)
        first = collector.WaitForUpdatesEx("", now)
        assert len(first.filterSet[0].objectSet) == 2500
        lab.world.disconnect_host("esx2499.lab.example")
        second = collector.WaitForUpdatesEx(first.version, now)
        (update,) = second.filterSet[0].objectSet
        assert changed(update) == {"runtime.connectionState": "disconnected"}


def test_every_host_has_an_address_and_a_uuid_of_its_own() -> None:
    hosts = build(Size(hosts=2500, clusters=50, standalone=20)).hosts()
    assert len(hosts) == len({host.address for host in hosts}) == len({host.uuid for host in hosts}) == 2500
    assert sum(host.standalone for host in hosts) == 20
    assert all(host.address.startswith("127.") for host in hosts)


def test_clients_at_the_same_time_get_tickets_of_their_own(lab: LabVCenter) -> None:
    def take(_: int) -> list[str]:
        content = lab.login()
        host = content.searchIndex.FindByDnsName(None, "esx0001.lab.example", vmSearch=False)
        taken = [host.AcquireCimServicesTicket().sessionId for _ in range(10)]
        content.sessionManager.Logout()
        return taken

    with ThreadPoolExecutor(8) as pool:
        tickets = [ticket for taken in pool.map(take, range(8)) for ticket in taken]
    assert len(set(tickets)) == lab.tickets.minted() == 80
    assert lab.sessions.all() == []


def test_a_watcher_of_sessions_and_those_who_come_and_go_do_not_stand_in_each_others_way(
    lab: LabVCenter,
) -> None:
    watching = lab.login()
    collector = watching.propertyCollector
    spec = Collector.FilterSpec(
        propSet=[Collector.PropertySpec(type=vim.SessionManager, pathSet=["sessionList"])],
        objectSet=[Collector.ObjectSpec(obj=watching.sessionManager)],
    )
    collector.CreateFilter(spec, partialUpdates=False)

    def come_and_go(_: int) -> None:
        content = lab.login()
        content.propertyCollector.CreateFilter(spec, partialUpdates=False)
        content.propertyCollector.CheckForUpdates("")
        content.sessionManager.Logout()

    with ThreadPoolExecutor(4) as pool:
        done = pool.map(come_and_go, range(20))
        version = ""
        for _ in range(20):
            update = collector.WaitForUpdatesEx(version, Collector.WaitOptions(maxWaitSeconds=0))
            version = update.version if update else version
        list(done)
    assert [each.userName for each in watching.sessionManager.sessionList] == [r"VSPHERE.LOCAL\administrator"]
