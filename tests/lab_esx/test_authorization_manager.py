"""AuthorizationManager as pyVmomi sees it, over TLS and SOAP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from broker.lab.process import Lab
from tests.support.deadline import eventually
from tests.support.lab import entity_at, logged_in, small_lab

CIM = "Host.Cim.CimInteraction"
LOG = "Global.LogEvent"
SVC = "VSPHERE.LOCAL\\svc-cim-a"
CONTROLLER = "broker-controller@vsphere.local"
FAULT: Any = vmodl.fault
"""Typed so that mypy follows what stands after a `raises`."""

SYSTEM = {"System.Anonymous", "System.View", "System.Read"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with small_lab(tmp_path / "lab", cim_hosts=0) as running:
        yield running


@pytest.fixture
def content(lab: Lab) -> Iterator[Any]:
    with logged_in(lab) as found:
        yield found


@pytest.fixture
def manager(content: Any) -> Any:
    return content.authorizationManager


def permission(role_id: int, principal: str = SVC, **more: Any) -> Any:
    facts = {"principal": principal, "group": False, "roleId": role_id, "propagate": True} | more
    return vim.AuthorizationManager.Permission(**facts)


def test_privileges_and_roles_are_listed(manager: Any) -> None:
    known = {each.privId: each for each in manager.privilegeList}
    assert len(known) == 482
    assert (known[CIM].name, known[CIM].privGroupName, known[CIM].onParent) == (
        "CimInteraction", "Host.Cim", False,
    )  # fmt: skip
    roles = {role.name: role for role in manager.roleList}
    assert (roles["Admin"].roleId, roles["Admin"].system, len(roles["Admin"].privilege)) == (-1, True, 482)
    assert roles["ReadOnly"].info.label == "Read-only"
    assert {each.key for each in manager.description.privilege} == set(known)


def test_a_role_is_added_changed_and_removed_on_record(content: Any, manager: Any) -> None:
    role_id = manager.AddRole("broker", [CIM])
    role = next(each for each in manager.roleList if each.roleId == role_id)
    assert (role.name, set(role.privilege), role.system) == ("broker", SYSTEM | {CIM}, False)
    manager.UpdateRole(role_id, "renamed", [LOG])
    manager.RemoveRole(role_id, True)  # noqa: FBT003 - the API's own signature
    events = [each for each in events_of(content) if type(each).__name__.startswith("vim.event.Role")]
    added, updated, removed = events
    assert (added.role.name, set(added.privilegeList)) == ("broker", SYSTEM | {CIM})
    assert (updated.prevRoleName, updated.role.name) == ("broker", "renamed")
    assert (list(updated.privilegesAdded), list(updated.privilegesRemoved)) == ([LOG], [CIM])
    assert removed.role.roleId == role_id
    assert {each.userName for each in events} == {"VSPHERE.LOCAL\\administrator"}


def test_an_update_of_a_role_may_take_effect_after_its_answer(lab: Lab, manager: Any) -> None:
    role_id = manager.AddRole("broker", [CIM])
    lab.control.set_role_lag(0.3)
    manager.UpdateRole(role_id, "broker", [LOG])

    def privileges() -> set[str]:
        return {p for each in manager.roleList if each.roleId == role_id for p in each.privilege} - SYSTEM

    before = privileges()
    assert before == {CIM}
    assert eventually(lambda: privileges() == {LOG})


def test_bad_roles_are_answered_with_the_faults_of_the_api(manager: Any) -> None:
    role_id = manager.AddRole("taken", [CIM])
    with pytest.raises(vim.fault.AlreadyExists) as taken:
        manager.AddRole("taken", [])
    assert taken.value.name == "taken"
    with pytest.raises(vim.fault.InvalidName):
        manager.AddRole("", [])
    with pytest.raises(FAULT.InvalidArgument) as unknown:
        manager.AddRole("unknown", ["Host.Cim.Nonsense"])
    assert unknown.value.invalidProperty == "privIds"
    with pytest.raises(FAULT.InvalidArgument):
        manager.UpdateRole(-2, "mine", [])
    with pytest.raises(vim.fault.NotFound):
        manager.UpdateRole(4711, "mine", [])
    with pytest.raises(vim.fault.NotFound):
        manager.RetrieveRolePermissions(4711)
    manager.SetEntityPermissions(manager_root(manager), [permission(role_id)])
    with pytest.raises(vim.fault.RemoveFailed):
        manager.RemoveRole(role_id, True)  # noqa: FBT003 - the API's own signature
    manager.RemoveRole(role_id, False)  # noqa: FBT003 - the API's own signature
    assert SVC not in {each.principal for each in manager.RetrieveAllPermissions()}


def manager_root(manager: Any) -> Any:
    return vim.Folder("group-d1", manager._stub)


def events_of(content: Any) -> list[Any]:
    return list(content.eventManager.QueryEvents(vim.event.EventFilterSpec()))


def test_permissions_are_set_changed_and_removed_on_record(content: Any, manager: Any) -> None:
    cluster = entity_at(content, "DC1/host/cluster-01")
    role_id = manager.AddRole("broker", [CIM])
    manager.SetEntityPermissions(cluster, [permission(-2), permission(-2, "VSPHERE.LOCAL\\svc-cim-b")])
    manager.SetEntityPermissions(cluster, [permission(role_id, "svc-cim-a@vsphere.local", propagate=False)])
    shown = {each.principal: each for each in manager.RetrieveEntityPermissions(cluster, False)}  # noqa: FBT003
    assert set(shown) == {SVC, "VSPHERE.LOCAL\\svc-cim-b"}
    assert (shown[SVC].roleId, shown[SVC].propagate, shown[SVC].entity) == (role_id, False, cluster)
    manager.RemoveEntityPermission(cluster, SVC, False)  # noqa: FBT003 - the API's own signature
    kinds = [type(each).__name__ for each in events_of(content) if "Permission" in type(each).__name__]
    assert kinds == [f"vim.event.Permission{what}Event" for what in ("Added", "Added", "Updated", "Removed")]
    updated: Any = next(
        each for each in events_of(content) if isinstance(each, vim.event.PermissionUpdatedEvent)
    )
    assert (updated.principal, updated.role.name, updated.prevRole.name) == (SVC, "broker", "ReadOnly")
    assert (updated.propagate, updated.prevPropagate) == (False, True)
    assert (updated.entity.entity, updated.entity.name) == (cluster, "cluster-01")


def test_a_principal_named_twice_ends_with_the_last_and_the_first_refusal_stops(
    content: Any, manager: Any
) -> None:
    cluster = entity_at(content, "DC1/host/cluster-01")
    with pytest.raises(vim.fault.UserNotFound) as unknown:
        manager.SetEntityPermissions(
            cluster,
            [permission(-2), permission(-5), permission(-2, "VSPHERE.LOCAL\\ghost"), permission(-1)],
        )
    assert unknown.value.principal == "VSPHERE.LOCAL\\ghost"
    assert [each.roleId for each in manager.RetrieveEntityPermissions(cluster, False)] == [-5]  # noqa: FBT003


def test_a_stand_alone_host_takes_permissions_on_its_compute_resource(content: Any, manager: Any) -> None:
    host = content.searchIndex.FindByDnsName(None, "esx0006.lab.example", False)  # noqa: FBT003 - the API's
    with pytest.raises(FAULT.InvalidArgument) as refused:
        manager.SetEntityPermissions(host, [permission(-2)])
    assert refused.value.invalidProperty == "entity"
    manager.SetEntityPermissions(host.parent, [permission(-2, propagate=False)])
    assert set(fetched(manager, host, SVC)) == SYSTEM


def fetched(manager: Any, entity: Any, user: str) -> list[str]:
    return list(manager.FetchUserPrivilegeOnEntities([entity], user)[0].privileges)


def test_resetting_replaces_the_whole_set(content: Any, manager: Any) -> None:
    cluster = entity_at(content, "DC1/host/cluster-01")
    manager.SetEntityPermissions(cluster, [permission(-2), permission(-2, "VSPHERE.LOCAL\\svc-cim-b")])
    manager.ResetEntityPermissions(cluster, [permission(-5)])
    left = manager.RetrieveEntityPermissions(cluster, False)  # noqa: FBT003 - the API's own signature
    assert [(each.principal, each.roleId) for each in left] == [(SVC, -5)]
    manager.ResetEntityPermissions(cluster, [])
    assert not manager.RetrieveEntityPermissions(cluster, False)  # noqa: FBT003 - the API's own signature


def test_inherited_permissions_are_added_on_request(content: Any, manager: Any) -> None:
    manager.SetEntityPermissions(entity_at(content, "DC1"), [permission(-2)])
    cluster = entity_at(content, "DC1/host/cluster-01")
    found = manager.RetrieveEntityPermissions(cluster, True)  # noqa: FBT003 - the API's own signature
    names = {each.entity.name for each in found}
    assert names == {"DC1", "Datacenters"}


def test_the_last_administrator_stays(content: Any, manager: Any) -> None:
    with pytest.raises(vim.fault.AuthMinimumAdminPermission):
        manager.RemoveEntityPermission(content.rootFolder, "VSPHERE.LOCAL\\Administrators", True)  # noqa: FBT003
    with pytest.raises(vim.fault.NotFound):
        manager.RemoveEntityPermission(content.rootFolder, SVC, False)  # noqa: FBT003 - the API's own signature


def test_merging_moves_every_permission_to_the_other_role(content: Any, manager: Any) -> None:
    source, target = manager.AddRole("source", [CIM]), manager.AddRole("target", [LOG])
    manager.SetEntityPermissions(entity_at(content, "DC1"), [permission(source)])
    manager.MergePermissions(source, target)
    assert not manager.RetrieveRolePermissions(source)
    assert [each.principal for each in manager.RetrieveRolePermissions(target)] == [SVC]


def test_questions_about_users_and_sessions_agree(lab: Lab, content: Any, manager: Any) -> None:
    cluster, folder = entity_at(content, "DC1/host/cluster-01"), content.rootFolder
    role_id = manager.AddRole("broker", [CIM])
    manager.SetEntityPermissions(cluster, [permission(role_id)])
    assert set(fetched(manager, cluster, "svc-cim-a@vsphere.local")) == SYSTEM | {CIM}
    assert set(fetched(manager, folder, SVC)) == {"System.Anonymous", "System.View"}
    asked = [cluster, folder, content.sessionManager]
    about_user = manager.HasUserPrivilegeOnEntities(asked, SVC, [CIM, LOG])
    assert [[a.isGranted for a in each.privAvailability] for each in about_user] == [
        [True, False], [False, False], [False, False],
    ]  # fmt: skip
    with logged_in(lab, "svc-cim-a@vsphere.local") as theirs:
        key = theirs.sessionManager.currentSession.key
        assert list(manager.HasPrivilegeOnEntity(cluster, key, [CIM, LOG])) == [True, False]
        about_session = manager.HasPrivilegeOnEntities([cluster], key, [CIM])
        assert about_session[0].privAvailability[0].isGranted
    assert list(manager.HasPrivilegeOnEntity(cluster, "no-such-session", [CIM])) == [False]


def test_a_user_sees_permissions_only_where_it_sees_the_entity(lab: Lab, content: Any, manager: Any) -> None:
    manager.SetEntityPermissions(entity_at(content, "DC1/host/cluster-01"), [permission(-2)])
    manager.SetEntityPermissions(entity_at(content, "DC2"), [permission(-2, "VSPHERE.LOCAL\\svc-cim-b")])
    with logged_in(lab, "svc-cim-a@vsphere.local") as theirs:
        seen = theirs.authorizationManager.RetrieveAllPermissions()
        assert {each.entity.name for each in seen} == {"cluster-01", "Datacenters", "DC1"}
        with pytest.raises(vim.fault.NoPermission) as refused:
            theirs.authorizationManager.AddRole("mine", [])
        assert refused.value.privilegeId == "Authorization.ModifyRoles"


def test_the_controllers_rights_suffice_for_its_work_and_not_for_more(lab: Lab) -> None:
    with logged_in(lab, CONTROLLER) as content:
        manager, cluster = content.authorizationManager, entity_at(content, "DC1/host/cluster-01")
        role_id = manager.AddRole("broker", [CIM])
        manager.UpdateRole(role_id, "broker", [])
        manager.UpdateRole(role_id, "broker", [CIM])
        for entity in (cluster, cluster.host[0], entity_at(content, "DC2")):
            manager.SetEntityPermissions(entity, [permission(role_id)])
            manager.RemoveEntityPermission(entity, SVC, False)  # noqa: FBT003 - the API's own signature
        greedy = manager.AddRole("greedy", [CIM, LOG])
        with pytest.raises(vim.fault.NoPermission) as refused:
            manager.SetEntityPermissions(cluster, [permission(greedy)])
        missing = refused.value.missingPrivileges[0]
        assert (missing.entity, list(missing.privilegeIds)) == (cluster, [LOG])
        with pytest.raises(vim.fault.NoPermission):
            manager.UpdateRole(role_id, "broker", [CIM, LOG])
        with pytest.raises(vim.fault.NoPermission):
            manager.MergePermissions(role_id, greedy)


def test_the_administrators_own_permission_is_out_of_the_controllers_reach(lab: Lab) -> None:
    with logged_in(lab, CONTROLLER) as content:
        with pytest.raises(vim.fault.NoPermission):
            content.authorizationManager.SetEntityPermissions(content.rootFolder, [permission(-1)])
        with pytest.raises(vim.fault.NoPermission):
            content.authorizationManager.RemoveEntityPermission(
                content.rootFolder,
                "VSPHERE.LOCAL\\Administrators",
                True,  # noqa: FBT003 - the API's own signature
            )
