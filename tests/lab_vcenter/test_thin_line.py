"""The line that everything else in the lab widens."""

from pyVmomi import vim, vmodl

from tests.support.lab_vcenter import LabVCenter

_Collector = vmodl.query.PropertyCollector


def test_a_client_logs_in_reads_the_inventory_and_takes_a_ticket(lab: LabVCenter) -> None:
    content = lab.login()
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem], recursive=True)
    spec = _Collector.FilterSpec(
        propSet=[
            _Collector.PropertySpec(
                type=vim.HostSystem,
                pathSet=["name", "parent", "runtime.connectionState", "config.product.version"],
            )
        ],
        objectSet=[
            _Collector.ObjectSpec(
                obj=view,
                skip=True,
                selectSet=[_Collector.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False)],
            )
        ],
    )
    found = content.propertyCollector.RetrievePropertiesEx([spec], _Collector.RetrieveOptions())
    read = [{p.name: p.val for p in each.propSet} for each in found.objects]
    assert {each["name"] for each in read} == {f"esx{number:04d}.lab.example" for number in range(1, 11)}
    assert {each["runtime.connectionState"] for each in read} == {"connected"}
    assert {each["config.product.version"] for each in read} == {"8.0.3"}
    ticket = found.objects[0].obj.AcquireCimServicesTicket()
    assert lab.tickets.is_live(found.objects[0].obj._GetMoId(), ticket.sessionId)
