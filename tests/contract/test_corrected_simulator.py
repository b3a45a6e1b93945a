"""What the corrected simulator holds against a vCenter's rules (broker/vsphere is not asked here)."""

import hashlib
import ssl

import pytest
from pyVmomi import vim, vmodl

from tests.contract.conftest import LogIn, Remote, managed
from tests.support.vcsim import ADMIN, ADMINISTRATORS, MONITOR, Simulator

PERMISSION: Remote = vim.AuthorizationManager.Permission
CIM = "Host.Cim.CimInteraction"
CANONICAL_MONITOR = r"VSPHERE.LOCAL\cim-monitor"
MONITORS = r"VSPHERE.LOCAL\monitors"


class World:
    """The administrator's view of one simulator, with the calls that the tests repeat."""

    def __init__(self, admin: Remote) -> None:
        self.content = admin.content
        self.manager = admin.content.authorizationManager
        self.root = admin.content.rootFolder
        view = self.content.viewManager.CreateContainerView(self.root, [vim.HostSystem], recursive=True)
        self.hosts = {host.name: host for host in view.view}
        self.clustered = self.hosts["DC0_C0_H0"]
        self.sibling = self.hosts["DC0_C0_H1"]
        self.alone = self.hosts["DC0_H0"]
        self.cluster = self.clustered.parent
        self.cim_role = self.manager.AddAuthorizationRole("cim", [CIM])

    def grant(
        self,
        entity: Remote,
        role: int,
        principal: str = MONITOR.name,
        *,
        group: bool = False,
        propagate: bool = True,
    ) -> None:
        permission = PERMISSION(principal=principal, group=group, roleId=role, propagate=propagate)
        self.manager.SetEntityPermissions(entity, [permission])

    def held(self, entity: Remote, user: str = MONITOR.name) -> set[str]:
        return set(self.manager.FetchUserPrivilegeOnEntities([entity], user)[0].privileges)


@pytest.fixture
def world(admin: Remote) -> World:
    return World(admin)


def test_a_ticket_is_given_to_who_holds_cim_interaction_on_the_host(
    corrected: Simulator, world: World, log_in: LogIn
) -> None:
    world.grant(world.cluster, world.cim_role)
    session = log_in(corrected, MONITOR)
    host = managed(vim.HostSystem, world.clustered._moId, session._stub)
    ticket = host.AcquireCimServicesTicket()
    der = ssl.PEM_cert_to_DER_cert(bytes(world.clustered.config.certificate).decode())
    assert ticket.sslThumbprint.replace(":", "").lower() == hashlib.sha1(der).hexdigest()
    assert (ticket.host, ticket.port, len(ticket.sessionId)) == ("DC0_C0_H0", None, 26)
    assert [(n["user"], n["host"]) for n in corrected.tell("tickets")] == [(CANONICAL_MONITOR, "DC0_C0_H0")]


def test_without_the_privilege_there_is_no_ticket(corrected: Simulator, world: World, log_in: LogIn) -> None:
    world.grant(world.clustered, world.cim_role)
    session = log_in(corrected, MONITOR)
    with pytest.raises(vim.fault.NoPermission) as refused:
        managed(vim.HostSystem, world.sibling._moId, session._stub).AcquireCimServicesTicket()
    assert refused.value.privilegeId == CIM
    assert corrected.tell("tickets") == []


def test_a_disconnected_host_gives_no_ticket(corrected: Simulator, world: World) -> None:
    corrected.tell("connection", host="DC0_H0", state="disconnected")
    with pytest.raises(vmodl.fault.HostNotConnected):
        world.alone.AcquireCimServicesTicket()


def test_a_user_without_any_permission_cannot_log_in(corrected: Simulator, log_in: LogIn) -> None:
    with pytest.raises(vim.fault.NoPermission) as refused:
        log_in(corrected, MONITOR)
    assert refused.value.privilegeId == "System.View"


def test_properties_are_not_read_without_a_session(corrected: Simulator, world: World, log_in: LogIn) -> None:
    admin = log_in(corrected, ADMIN)
    admin.content.sessionManager.Logout()
    collector: Remote = vmodl.query.PropertyCollector
    wanted = collector.FilterSpec(
        objectSet=[collector.ObjectSpec(obj=world.alone)],
        propSet=[collector.PropertySpec(type=vim.HostSystem, pathSet=["name"])],
    )
    with pytest.raises(vim.fault.NotAuthenticated):
        admin.content.propertyCollector.RetrievePropertiesEx([wanted], collector.RetrieveOptions())


def test_the_session_bears_the_canonical_name(corrected: Simulator, world: World, log_in: LogIn) -> None:
    world.grant(world.cluster, world.cim_role)
    assert log_in(corrected, MONITOR).content.sessionManager.currentSession.userName == CANONICAL_MONITOR


def test_a_new_role_is_answered_with_its_own_id(world: World) -> None:
    first = world.manager.AddAuthorizationRole("first", [CIM])
    second = world.manager.AddAuthorizationRole("second", [])
    by_id = {role.roleId: role.name for role in world.manager.roleList}
    assert (by_id[first], by_id[second]) == ("first", "second")


def test_permissions_of_other_principals_stay(world: World) -> None:
    world.grant(world.cluster, world.cim_role)
    world.grant(world.cluster, world.cim_role, MONITORS, group=True)
    world.grant(world.cluster, -2)
    permissions = world.manager.RetrieveEntityPermissions(world.cluster, inherited=False)
    assert {(p.principal, p.group, p.roleId) for p in permissions} == {
        (CANONICAL_MONITOR, False, -2),
        (MONITORS, True, world.cim_role),
    }
    assert {p.entity._moId for p in permissions} == {world.cluster._moId}


def test_privileges_reach_below_only_where_they_propagate(world: World) -> None:
    world.grant(world.cluster, world.cim_role, propagate=False)
    assert CIM in world.held(world.cluster)
    assert world.held(world.clustered) == set()
    world.grant(world.cluster, world.cim_role)
    assert CIM in world.held(world.clustered)


def test_the_permission_nearest_to_the_host_decides(world: World) -> None:
    world.grant(world.cluster, world.cim_role)
    world.grant(world.clustered, -5)
    assert world.held(world.clustered) == set()
    assert CIM in world.held(world.sibling)


def test_a_users_permission_beats_those_of_its_groups(world: World) -> None:
    world.grant(world.clustered, world.cim_role, MONITORS, group=True)
    assert CIM in world.held(world.clustered)
    world.grant(world.clustered, -2)
    assert CIM not in world.held(world.clustered)


def test_what_is_above_a_permission_can_be_viewed(world: World) -> None:
    world.grant(world.clustered, world.cim_role)
    assert world.held(world.root) == {"System.Anonymous", "System.View"}
    assert world.held(world.sibling) == set()


def test_a_stand_alone_host_takes_permissions_on_its_compute_resource(world: World) -> None:
    with pytest.raises(vmodl.fault.InvalidArgument):
        world.grant(world.alone, world.cim_role)
    world.grant(world.alone.parent, world.cim_role, propagate=False)
    assert CIM in world.held(world.alone)


def test_nobody_grants_what_it_does_not_hold(corrected: Simulator, world: World, log_in: LogIn) -> None:
    keeper = world.manager.AddAuthorizationRole("keeper", ["Authorization.ModifyPermissions"])
    world.grant(world.cluster, keeper)
    manager = log_in(corrected, MONITOR).content.authorizationManager
    cluster = managed(vim.ClusterComputeResource, world.cluster._moId, manager._stub)
    permission = PERMISSION(principal=MONITORS, group=True, roleId=world.cim_role)
    with pytest.raises(vim.fault.NoPermission) as refused:
        manager.SetEntityPermissions(cluster, [permission])
    assert refused.value.privilegeId == CIM
    with pytest.raises(vim.fault.NoPermission):
        manager.AddAuthorizationRole("mine", [])


@pytest.mark.parametrize(
    ("principal", "role", "fault"),
    [
        ("stranger@vsphere.local", -2, vim.fault.UserNotFound),
        (MONITOR.name, 4711, vim.fault.NotFound),
        (MONITOR.name, -3, vmodl.fault.InvalidArgument),
    ],
)
def test_a_grant_to_nobody_or_of_no_role_is_refused(
    world: World, principal: str, role: int, fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        world.grant(world.cluster, role, principal)


def test_a_role_in_use_and_a_system_role_are_kept(world: World) -> None:
    world.grant(world.cluster, world.cim_role)
    with pytest.raises(vim.fault.RemoveFailed):
        world.manager.RemoveAuthorizationRole(world.cim_role, failIfUsed=True)
    with pytest.raises(vmodl.fault.InvalidArgument):
        world.manager.RemoveAuthorizationRole(-1, failIfUsed=False)
    with pytest.raises(vmodl.fault.InvalidArgument):
        world.manager.UpdateAuthorizationRole(-2, "ReadOnly", [CIM])
    world.manager.RemoveAuthorizationRole(world.cim_role, failIfUsed=False)
    assert world.held(world.clustered) == set()


def test_privileges_are_told_of_a_session_and_of_a_user_alike(
    corrected: Simulator, world: World, log_in: LogIn
) -> None:
    world.grant(world.clustered, world.cim_role)
    key = log_in(corrected, MONITOR).content.sessionManager.currentSession.key
    asked = [CIM, "Host.Config.Settings"]
    assert world.manager.HasPrivilegeOnEntity(world.clustered, key, asked) == [True, False]
    assert world.manager.HasPrivilegeOnEntity(world.clustered, "no such session", asked) == [False, False]
    for answer in (
        world.manager.HasPrivilegeOnEntities([world.clustered], key, asked),
        world.manager.HasUserPrivilegeOnEntities([world.clustered], CANONICAL_MONITOR, asked),
    ):
        assert [a.isGranted for a in answer[0].privAvailability] == [True, False]


def test_every_privilege_of_a_role_is_in_the_list_of_privileges(world: World) -> None:
    assert CIM in {privilege.privId for privilege in world.manager.privilegeList}


def test_a_permission_is_removed_once(world: World) -> None:
    world.grant(world.cluster, world.cim_role)
    world.manager.RemoveEntityPermission(world.cluster, MONITOR.name, isGroup=False)
    assert world.held(world.clustered) == set()
    with pytest.raises(vim.fault.NotFound):
        world.manager.RemoveEntityPermission(world.cluster, MONITOR.name, isGroup=False)


def test_the_administrators_hold_admin_on_the_root_folder(world: World) -> None:
    permissions = world.manager.RetrieveAllPermissions()
    assert [(p.principal, p.group, p.roleId, p.propagate) for p in permissions] == [
        (ADMINISTRATORS, True, -1, True)
    ]


def test_commands_change_what_the_api_cannot(corrected: Simulator, world: World, log_in: LogIn) -> None:
    corrected.tell("version", host="DC0_H0", version="9.0.0")
    assert world.alone.config.product.version == "9.0.0"
    assert world.clustered.config.product.version != "9.0.0"
    corrected.tell("password", user=MONITOR.name, password="another")
    world.grant(world.cluster, world.cim_role)
    with pytest.raises(vim.fault.InvalidLogin):
        log_in(corrected, MONITOR)
    assert corrected.tell("calls")[rf"{CANONICAL_MONITOR} Login"] == 1
    with pytest.raises(RuntimeError, match="there is no host"):
        corrected.tell("connection", host="nowhere", state="disconnected")
