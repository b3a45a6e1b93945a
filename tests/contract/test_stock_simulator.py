"""What the simulator does as it comes: the ground that the broker's own tests stand on here."""

import ssl

import pytest
from pyVmomi import vim, vmodl

from tests.contract.conftest import LogIn, Remote, managed, stub_of
from tests.support.vcsim import ADMIN, MONITOR, SimulatedUser, Simulator


def hosts_of(instance: Remote) -> list[Remote]:
    content = instance.content
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem], recursive=True)
    return list(view.view)


def test_it_is_reached_only_by_who_trusts_its_authority(stock: Simulator) -> None:
    stub = stub_of(stock, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        managed(vim.ServiceInstance, "ServiceInstance", stub).RetrieveContent()


def test_a_user_logs_in_with_the_right_password_only(stock: Simulator, log_in: LogIn) -> None:
    assert log_in(stock, MONITOR).content.sessionManager.currentSession.userName == MONITOR.name
    with pytest.raises(vim.fault.InvalidLogin):
        log_in(stock, SimulatedUser(MONITOR.name, "wrong"))


def test_a_session_ends_with_its_logout(stock: Simulator, log_in: LogIn) -> None:
    instance = log_in(stock, MONITOR)
    key = instance.content.sessionManager.currentSession.key
    admin = log_in(stock, ADMIN)
    assert admin.content.sessionManager.SessionIsActive(key, MONITOR.name)
    instance.content.sessionManager.Logout()
    assert not admin.content.sessionManager.SessionIsActive(key, MONITOR.name)


def test_the_inventory_has_hosts_in_a_cluster_and_one_on_its_own(stock: Simulator, log_in: LogIn) -> None:
    parents = [type(host.parent) for host in hosts_of(log_in(stock, ADMIN))]
    assert parents.count(vim.ClusterComputeResource) == 3
    assert parents.count(vim.ComputeResource) == 1


def test_everyone_is_admin_and_there_is_no_cim_ticket(stock: Simulator, log_in: LogIn) -> None:
    instance = log_in(stock, MONITOR)
    host = hosts_of(instance)[0]
    manager = instance.content.authorizationManager
    held = manager.FetchUserPrivilegeOnEntities([host], MONITOR.name)[0].privileges
    assert {"Host.Cim.CimInteraction", "Authorization.ModifyRoles"} <= set(held)
    with pytest.raises(vmodl.fault.MethodNotFound):
        host.AcquireCimServicesTicket()


def test_its_input_ends_it(stock: Simulator) -> None:
    process = stock._process
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=10) == 0
