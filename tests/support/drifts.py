"""What somebody else does to a FakeVcenter after an apply: each makes g1 on /DC1/host/cluster drift."""

from dataclasses import replace

from broker.model.names import Moid
from broker.model.survey import Permission, Role
from tests.support.administration import CIM, CONFIG, READER, FakeVcenter


def role_id(vcenter: FakeVcenter) -> int:
    return vcenter.role("cim-broker-cim-ticket").id


def rename_role(vcenter: FakeVcenter) -> None:
    vcenter.roles[role_id(vcenter)] = replace(vcenter.role("cim-broker-cim-ticket"), name="mine now")


def delete_role(vcenter: FakeVcenter) -> None:
    del vcenter.roles[role_id(vcenter)]


def widen_role(vcenter: FakeVcenter) -> None:
    role = vcenter.role("cim-broker-cim-ticket")
    vcenter.roles[role.id] = replace(role, privileges=role.privileges | {CONFIG})


def narrow_role(vcenter: FakeVcenter) -> None:
    role = vcenter.role("cim-broker-cim-ticket")
    vcenter.roles[role.id] = replace(role, privileges=frozenset())


def move_path(vcenter: FakeVcenter) -> None:
    vcenter.rename("domain-c-DC1", "old")
    vcenter.add("domain-c77", vcenter.nodes[Moid("domain-c-DC1")].kind, "cluster", Moid("group-h-DC1"))


def lose_path(vcenter: FakeVcenter) -> None:
    vcenter.move("domain-c-DC1", "group-h-DC2")


def take_permission(vcenter: FakeVcenter) -> None:
    vcenter.permissions[Moid("domain-c-DC1")] = [Permission(READER, group=True, role_id=7, propagate=True)]


def other_role(vcenter: FakeVcenter) -> None:
    vcenter.permissions[Moid("domain-c-DC1")] = [Permission(READER, group=False, role_id=7, propagate=True)]


def other_reach(vcenter: FakeVcenter) -> None:
    held = Permission(READER, group=False, role_id=role_id(vcenter), propagate=False)
    vcenter.permissions[Moid("domain-c-DC1")] = [held]


def other_instance(vcenter: FakeVcenter) -> None:
    vcenter.uuid = "00000000-0000-4000-8000-000000000000"


def swap_clusters(vcenter: FakeVcenter) -> None:
    vcenter.move("domain-c-DC1", "group-h-DC2")
    vcenter.move("domain-c-DC2", "group-h-DC1")


def less_role(vcenter: FakeVcenter) -> None:
    vcenter.roles[8] = Role(8, "nothing", system=False, privileges=frozenset())
    vcenter.permissions[Moid("domain-c-DC1")] = [Permission(READER, group=False, role_id=8, propagate=True)]


def same_role(vcenter: FakeVcenter) -> None:
    vcenter.roles[8] = Role(8, "same", system=False, privileges=frozenset({CIM}))
    vcenter.permissions[Moid("domain-c-DC1")] = [Permission(READER, group=False, role_id=8, propagate=True)]


def more_below(vcenter: FakeVcenter) -> None:
    vcenter.permissions[Moid("host-DC1-1")] = [Permission(READER, group=False, role_id=7, propagate=True)]


def less_below(vcenter: FakeVcenter) -> None:
    vcenter.roles[8] = Role(8, "nothing", system=False, privileges=frozenset())
    vcenter.permissions[Moid("host-DC1-1")] = [Permission(READER, group=False, role_id=8, propagate=True)]


def unknown_role(vcenter: FakeVcenter) -> None:
    vcenter.permissions[Moid("domain-c-DC1")] = [Permission(READER, group=False, role_id=99, propagate=True)]
