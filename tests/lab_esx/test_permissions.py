"""The permission model: who holds what, and who may change it."""

from collections.abc import Callable

import pytest

from broker.lab.authorization.catalogue import ADMIN, NO_ACCESS, READ_ONLY, VIEW, Catalogue, Privilege
from broker.lab.authorization.model import PermissionModel
from broker.lab.authorization.permissions import Permission
from broker.lab.authorization.refusals import (
    Lacks,
    LastAdministrator,
    NameEmpty,
    NameTaken,
    NoSuchPermission,
    NoSuchPrincipal,
    NoSuchRole,
    RoleInUse,
    Unacceptable,
)
from tests.support.lab_esx import SmallDirectory, principal, small_tree

CIM = "Host.Cim.CimInteraction"
LOG = "Global.LogEvent"
SYSTEM = {"System.Anonymous", "System.View", "System.Read"}
ADMINISTRATOR, SVC, HELPER = principal("administrator"), principal("svc"), principal("helper")

Grant = Callable[..., None]


@pytest.fixture
def model() -> PermissionModel:
    directory = SmallDirectory(
        {"administrator", "svc", "helper"},
        {"Administrators": {"administrator"}, "monitors": {"svc"}, "loggers": {"svc"}},
    )
    made = PermissionModel(small_tree(), Catalogue.shipped(), directory)
    made.seed(Permission("root", principal("Administrators"), group=True, role_id=ADMIN, propagate=True))
    return made


@pytest.fixture
def grant(model: PermissionModel) -> Grant:
    """As administrator: a user or group holds exactly these privileges there."""

    def give(entity: str, name: str, *privileges: str, propagate: bool = True, group: bool = False) -> None:
        role = model.add_role(f"role {len(model.roles())}", privileges)
        model.set_permission(
            ADMINISTRATOR, Permission(entity, principal(name), group, role.role_id, propagate)
        )

    return give


def put(
    model: PermissionModel,
    entity: str,
    role_id: int,
    name: str = "svc",
    actor: str = ADMINISTRATOR,
    **more: bool,
) -> None:
    flags = {"group": False, "propagate": True} | more
    model.set_permission(actor, Permission(entity, principal(name), role_id=role_id, **flags))


def test_nothing_is_held_without_a_permission(model: PermissionModel) -> None:
    assert model.effective(SVC, "host") == frozenset()
    assert model.effective(principal("nobody"), "root") == frozenset()


def test_a_propagating_permission_reaches_everything_below(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "svc", CIM)
    assert model.effective(SVC, "host") == SYSTEM | {CIM}
    assert model.holds(SVC, "cluster", CIM)
    assert not model.holds(SVC, "alone-host", CIM)


def test_a_permission_that_does_not_propagate_stays_where_it_is(model: PermissionModel, grant: Grant) -> None:
    grant("cluster", "svc", CIM, propagate=False)
    assert model.holds(SVC, "cluster", CIM)
    assert not model.holds(SVC, "host", CIM)


def test_both_spellings_of_a_user_in_any_case_are_one_user(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "svc", CIM)
    for name in ("svc@vsphere.local", "SVC@vSphere.Local", "vsphere.local\\svc"):
        assert model.holds(name, "host", CIM)
    assert not model.holds("svc", "host", CIM)


def test_the_users_own_permission_beats_those_of_its_groups(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "monitors", CIM, LOG, group=True)
    grant("racks", "svc", LOG)
    assert model.effective(SVC, "host") == SYSTEM | {LOG}


def test_the_groups_of_a_user_are_united_on_one_entity(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "monitors", CIM, group=True)
    grant("racks", "loggers", LOG, group=True)
    assert model.effective(SVC, "host") == SYSTEM | {CIM, LOG}


def test_a_nearer_permission_replaces_what_comes_from_above(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "monitors", CIM, group=True)
    grant("cluster", "loggers", LOG, group=True)
    assert model.effective(SVC, "host") == SYSTEM | {LOG}
    assert model.effective(SVC, "racks") == SYSTEM | {CIM}


def test_a_groups_nearer_permission_replaces_the_users_own_from_above(
    model: PermissionModel, grant: Grant
) -> None:
    grant("racks", "svc", CIM)
    grant("cluster", "loggers", LOG, group=True)
    assert model.effective(SVC, "host") == SYSTEM | {LOG}


def test_no_access_masks_what_comes_from_above(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "svc", CIM)
    put(model, "cluster", NO_ACCESS)
    assert model.effective(SVC, "host") == {"System.Anonymous"}


def test_a_stand_alone_host_has_what_its_compute_resource_has_even_without_propagation(
    model: PermissionModel, grant: Grant
) -> None:
    grant("alone", "svc", CIM, propagate=False)
    assert model.holds(SVC, "alone-host", CIM)


def test_a_host_of_a_cluster_is_no_part_of_it_but_its_root_pool_is(
    model: PermissionModel, grant: Grant
) -> None:
    grant("cluster", "svc", CIM, propagate=False)
    assert not model.holds(SVC, "host", CIM)
    assert model.holds(SVC, "pool", CIM)


def test_a_datacenters_folder_has_what_the_datacenter_has_but_does_not_pass_it_on(
    model: PermissionModel, grant: Grant
) -> None:
    grant("dc", "svc", CIM, propagate=False)
    assert model.holds(SVC, "hosts", CIM)
    assert not model.holds(SVC, "racks", CIM)


@pytest.mark.parametrize("part", ["alone-host", "hosts", "pool"])
def test_no_permission_is_set_on_a_part_of_a_complex_entity(model: PermissionModel, part: str) -> None:
    with pytest.raises(Unacceptable, match="entity"):
        put(model, part, READ_ONLY)


def test_what_may_be_read_makes_everything_above_it_visible_and_no_more(model: PermissionModel) -> None:
    put(model, "host", READ_ONLY, propagate=False)
    assert model.effective(SVC, "root") == {"System.Anonymous", "System.View"}
    assert model.effective(SVC, "cluster") == {"System.Anonymous", "System.View"}
    assert model.effective(SVC, "alone") == frozenset()


def test_what_is_masked_makes_nothing_visible(model: PermissionModel) -> None:
    put(model, "host", NO_ACCESS)
    assert model.effective(SVC, "root") == frozenset()


def test_a_privilege_on_the_parent_is_looked_up_there() -> None:
    catalogue = Catalogue([Privilege("Thing.Delete", on_parent=True), *map(Privilege, SYSTEM)])
    model = PermissionModel(small_tree(), catalogue, SmallDirectory({"svc"}))
    role = model.add_role("role", ["Thing.Delete"])
    model.seed(Permission("cluster", SVC, group=False, role_id=role.role_id, propagate=False))
    assert model.holds(SVC, "host", "Thing.Delete")
    assert not model.holds(SVC, "cluster", "Thing.Delete")


def test_what_is_no_entity_counts_as_the_root_folder(model: PermissionModel) -> None:
    put(model, "root", READ_ONLY)
    assert model.holds(SVC, "SessionManager", "System.Read")


def test_a_removed_or_changed_permission_counts_at_once(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "svc", CIM)
    assert model.holds(SVC, "host", CIM)
    put(model, "racks", READ_ONLY)
    assert not model.holds(SVC, "host", CIM)
    model.remove_permission(ADMINISTRATOR, "racks", "svc@vsphere.local", group=False)
    assert model.effective(SVC, "host") == frozenset()


def test_setting_permissions_leaves_other_principals_alone(model: PermissionModel) -> None:
    put(model, "racks", READ_ONLY, "svc")
    put(model, "racks", READ_ONLY, "helper")
    put(model, "racks", READ_ONLY, "monitors", group=True)
    assert {p.principal for p in model.permissions_on("racks")} == {SVC, HELPER, principal("monitors")}


def test_a_principal_has_one_permission_per_entity(model: PermissionModel, grant: Grant) -> None:
    put(model, "racks", READ_ONLY)
    grant("racks", "svc", CIM)
    assert len(model.permissions_on("racks")) == 1


def test_inherited_permissions_are_the_nearest_of_each_principal(
    model: PermissionModel, grant: Grant
) -> None:
    grant("dc", "svc", CIM)
    put(model, "racks", READ_ONLY)
    put(model, "racks", READ_ONLY, "helper", propagate=False)
    found = {(p.principal, p.entity) for p in model.permissions_reaching("cluster")}
    assert found == {(SVC, "racks"), (principal("Administrators"), "root")}


def test_nobody_hands_on_what_it_does_not_hold(model: PermissionModel, grant: Grant) -> None:
    grant("root", "helper", "Authorization.ModifyPermissions", CIM)
    rich = model.add_role("rich", [CIM, LOG])
    poor = model.add_role("poor", [CIM])
    with pytest.raises(Lacks) as caught:
        put(model, "racks", rich.role_id, actor=HELPER)
    assert caught.value.entity == "racks"
    assert caught.value.privileges == {LOG}
    put(model, "racks", poor.role_id, actor=HELPER)
    assert model.holds(SVC, "host", CIM)


def test_permissions_are_changed_by_those_who_may_do_so_on_the_entity_and_on_its_parent(
    model: PermissionModel, grant: Grant
) -> None:
    grant("cluster", "helper", "Authorization.ModifyPermissions", CIM)
    with pytest.raises(Lacks) as caught:
        put(model, "cluster", READ_ONLY, actor=HELPER)
    assert caught.value.entity == "racks"
    put(model, "host", READ_ONLY, actor=HELPER)


def test_removing_a_permission_needs_what_it_holds(model: PermissionModel, grant: Grant) -> None:
    grant("racks", "helper", "Authorization.ModifyPermissions")
    grant("cluster", "svc", CIM)
    with pytest.raises(Lacks):
        model.remove_permission(HELPER, "cluster", SVC, group=False)


def test_removing_what_is_not_there_is_said(model: PermissionModel) -> None:
    with pytest.raises(NoSuchPermission):
        model.remove_permission(ADMINISTRATOR, "racks", SVC, group=False)


def test_unknown_principals_and_roles_get_no_permission(model: PermissionModel) -> None:
    with pytest.raises(NoSuchPrincipal):
        put(model, "racks", READ_ONLY, "ghost")
    with pytest.raises(NoSuchPrincipal):
        put(model, "racks", READ_ONLY, "svc", group=True)
    with pytest.raises(NoSuchRole):
        put(model, "racks", 4711)
    with pytest.raises(Unacceptable, match="roleId"):
        put(model, "racks", VIEW)


def test_the_root_folder_keeps_an_administrator(model: PermissionModel) -> None:
    with pytest.raises(LastAdministrator):
        put(model, "root", READ_ONLY, "Administrators", group=True)
    with pytest.raises(LastAdministrator):
        model.remove_permission(ADMINISTRATOR, "root", principal("Administrators"), group=True)
    put(model, "root", ADMIN, "helper")
    model.remove_permission(ADMINISTRATOR, "root", principal("Administrators"), group=True)
    assert model.holds(HELPER, "host", CIM)


def test_an_administrator_of_the_root_folder_gets_no_second_permission(model: PermissionModel) -> None:
    put(model, "root", ADMIN, "helper")
    with pytest.raises(LastAdministrator):
        put(model, "racks", READ_ONLY, "helper")


def test_a_new_role_holds_the_system_privileges_and_an_id_of_its_own(model: PermissionModel) -> None:
    first, second = model.add_role("a", [CIM]), model.add_role("b", [])
    assert first.privileges == SYSTEM | {CIM}
    assert second.privileges == SYSTEM
    assert 0 < first.role_id < second.role_id
    assert not first.system


def test_bad_roles_are_refused(model: PermissionModel) -> None:
    role = model.add_role("taken", [])
    with pytest.raises(NameTaken):
        model.add_role("taken", [])
    with pytest.raises(NameTaken):
        model.revised_role(ADMINISTRATOR, model.add_role("other", []).role_id, "taken", [])
    with pytest.raises(NameEmpty):
        model.add_role(" ", [])
    with pytest.raises(Unacceptable, match="privIds"):
        model.add_role("unknown", ["Host.Cim.Nonsense"])
    with pytest.raises(Unacceptable, match="privIds"):
        model.revised_role(ADMINISTRATOR, role.role_id, "taken", ["host.cim.ciminteraction"])


def test_built_in_roles_do_not_change(model: PermissionModel) -> None:
    with pytest.raises(Unacceptable, match="roleId"):
        model.revised_role(ADMINISTRATOR, READ_ONLY, "mine", [])
    with pytest.raises(Unacceptable, match="roleId"):
        model.remove_role(READ_ONLY, fail_if_used=False)
    with pytest.raises(NoSuchRole):
        model.remove_role(4711, fail_if_used=False)


def test_a_changed_role_changes_what_its_permissions_give(model: PermissionModel) -> None:
    role = model.add_role("role", [CIM])
    put(model, "racks", role.role_id)
    before, after = model.revised_role(ADMINISTRATOR, role.role_id, "renamed", [LOG])
    assert model.holds(SVC, "host", CIM)
    model.put_role(after)
    assert (before.name, after.name) == ("role", "renamed")
    assert model.effective(SVC, "host") == SYSTEM | {LOG}


def test_a_role_is_changed_only_by_those_who_hold_the_difference_on_the_root_folder(
    model: PermissionModel, grant: Grant
) -> None:
    grant("root", "helper", "Authorization.ModifyRoles", CIM)
    role = model.add_role("role", [LOG])
    model.revised_role(HELPER, role.role_id, "role", [LOG, CIM])
    with pytest.raises(Lacks):
        model.revised_role(HELPER, role.role_id, "role", [CIM])


def test_a_used_role_goes_only_when_asked_and_takes_its_permissions_along(model: PermissionModel) -> None:
    role = model.add_role("role", [CIM])
    put(model, "racks", role.role_id)
    with pytest.raises(RoleInUse):
        model.remove_role(role.role_id, fail_if_used=True)
    _, gone = model.remove_role(role.role_id, fail_if_used=False)
    assert [p.entity for p in gone] == ["racks"]
    assert model.effective(SVC, "host") == frozenset()
    model.put_role(role)
    assert role not in model.roles()


def test_merging_puts_one_role_in_place_of_another(model: PermissionModel, grant: Grant) -> None:
    source, target = model.add_role("source", [CIM]), model.add_role("target", [LOG])
    put(model, "racks", source.role_id)
    grant("root", "helper", CIM)
    with pytest.raises(Lacks):
        model.merge_roles(HELPER, source.role_id, target.role_id)
    model.merge_roles(ADMINISTRATOR, source.role_id, target.role_id)
    assert model.effective(SVC, "host") == SYSTEM | {LOG}
    with pytest.raises(LastAdministrator):
        model.merge_roles(ADMINISTRATOR, ADMIN, target.role_id)
    with pytest.raises(Unacceptable):
        model.merge_roles(ADMINISTRATOR, source.role_id, VIEW)


def test_the_catalogue_holds_the_ids_of_a_real_vcenter() -> None:
    catalogue = Catalogue.shipped()
    roles = {role.name: role for role in catalogue.built_in_roles()}
    assert len(catalogue.ids) == 482
    assert {CIM, "Authorization.ModifyRoles", "Sessions.ValidateSession", *SYSTEM} <= catalogue.ids
    assert {name: role.role_id for name, role in roles.items()} == {
        "Admin": -1,
        "ReadOnly": -2,
        "View": -3,
        "Anonymous": -4,
        "NoAccess": -5,
        "NoCryptoAdmin": -6,
        "TrustedAdmin": -7,
        "NoTrustedAdmin": -8,
    }
    assert "Global.Diagnostics" not in roles["NoCryptoAdmin"].privileges
    assert len(roles["NoCryptoAdmin"].privileges) == 449
    assert len(roles["NoTrustedAdmin"].privileges) == 468
    assert catalogue.privileges[CIM].group == "Host.Cim"
    assert catalogue.privileges[CIM].name == "CimInteraction"
