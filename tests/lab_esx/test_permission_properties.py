"""The permission model against an oracle that is slow, naive and written the other way round."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.lab.authorization.catalogue import Catalogue, Privilege
from broker.lab.authorization.model import PermissionModel
from broker.lab.authorization.permissions import Permission
from broker.lab.authorization.refusals import Refusal
from tests.support.lab_esx import SmallDirectory, SmallTree, principal

PRIVILEGES = ("P.A", "P.B", "P.C", "Authorization.ModifyPermissions")
SYSTEM = ("System.Anonymous", "System.View", "System.Read")
CATALOGUE = Catalogue(Privilege(each) for each in (*PRIVILEGES, *SYSTEM))
USERS, GROUPS = ("u1", "u2"), ("g1", "g2", "g3")

BELOW = {
    "Folder": ("Folder", "Datacenter", "ComputeResource", "ClusterComputeResource"),
    "Datacenter": ("Folder",),
    "ComputeResource": ("HostSystem", "ResourcePool"),
    "ClusterComputeResource": ("HostSystem", "ResourcePool"),
}
PARTS = {
    ("HostSystem", "ComputeResource"),
    ("ResourcePool", "ComputeResource"),
    ("ResourcePool", "ClusterComputeResource"),
    ("Folder", "Datacenter"),
}


@st.composite
def trees(draw: st.DrawFn) -> SmallTree:
    entities: dict[str, tuple[str, str | None]] = {"root": ("Folder", None)}
    for number in range(draw(st.integers(1, 10))):
        parent = draw(st.sampled_from([m for m, (kind, _) in entities.items() if kind in BELOW]))
        kind = draw(st.sampled_from(BELOW[entities[parent][0]]))
        entities[f"e{number}"] = (kind, parent)
    return SmallTree(entities)


@dataclass
class Case:
    tree: SmallTree
    directory: SmallDirectory
    roles: list[frozenset[str]]
    permissions: list[tuple[str, str, bool, int, bool]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    tree = draw(trees())
    members = {group: draw(st.sets(st.sampled_from(USERS))) for group in GROUPS}
    roles = draw(st.lists(st.frozensets(st.sampled_from(PRIVILEGES)), min_size=1, max_size=4))
    holder = st.sampled_from([*((name, False) for name in USERS), *((name, True) for name in GROUPS)])
    entity = st.sampled_from(sorted(tree.entities))
    role = st.one_of(st.integers(0, len(roles) - 1), st.just(-5))
    found = draw(st.lists(st.tuples(entity, holder, role, st.booleans()), max_size=12))
    unique = {(e, h): (e, *h, r, p) for e, h, r, p in found}
    return Case(tree, SmallDirectory(set(USERS), members), roles, list(unique.values()))


def built(case: Case) -> tuple[PermissionModel, dict[int, frozenset[str]]]:
    model = PermissionModel(case.tree, CATALOGUE, case.directory)
    made = [model.add_role(f"r{n}", privileges) for n, privileges in enumerate(case.roles)]
    for entity, name, group, role, propagate in case.permissions:
        role_id = made[role].role_id if role >= 0 else role
        model.seed(Permission(entity, principal(name), group, role_id, propagate))
    return model, {role.role_id: role.privileges for role in model.roles()}


def depth(tree: SmallTree, moid: str) -> int:
    parent = tree.parent(moid)
    return 0 if parent is None else 1 + depth(tree, parent)


def is_within(tree: SmallTree, moid: str, above: str) -> bool:
    parent = tree.parent(moid)
    return moid == above or (parent is not None and is_within(tree, parent, above))


def decided(case: Case, user: str, moid: str) -> frozenset[str]:
    """Look at every permission there is, keep those that reach, then take the deepest."""
    kind, parent = case.tree.entities[moid]
    part_of = parent if parent and (kind, case.tree.type_name(parent)) in PARTS else None
    mine = [
        each
        for each in case.permissions
        if is_within(case.tree, moid, each[0])
        and (each[4] or each[0] in (moid, part_of))
        and ((each[2] and user in case.directory.groups[each[1]]) or (not each[2] and each[1] == user))
    ]
    if not mine:
        return frozenset()
    deepest = max(depth(case.tree, each[0]) for each in mine)
    last = [each for each in mine if depth(case.tree, each[0]) == deepest]
    counting = [each for each in last if not each[2]] or last
    held = [
        case.roles[each[3]] | frozenset(SYSTEM) if each[3] >= 0 else frozenset({"System.Anonymous"})
        for each in counting
    ]
    return frozenset().union(*held)


def oracle(case: Case, user: str, moid: str) -> frozenset[str]:
    readable_below = any(
        each[0] != moid
        and is_within(case.tree, each[0], moid)
        and ((each[2] and user in case.directory.groups[each[1]]) or (not each[2] and each[1] == user))
        and "System.Read" in decided(case, user, each[0])
        for each in case.permissions
    )
    implied = frozenset({"System.Anonymous", "System.View"}) if readable_below else frozenset()
    return decided(case, user, moid) | implied


@settings(max_examples=150, deadline=None)
@given(cases())
def test_effective_privileges_are_what_the_oracle_says(case: Case) -> None:
    model, _ = built(case)
    for user in USERS:
        for moid in case.tree.entities:
            assert model.effective(principal(user), moid) == oracle(case, user, moid), (user, moid)


@settings(max_examples=100, deadline=None)
@given(cases(), st.data())
def test_no_sequence_of_changes_hands_on_what_its_maker_did_not_hold(case: Case, data: st.DataObject) -> None:
    model, roles = built(case)
    for _ in range(5):
        actor, target = data.draw(st.sampled_from(USERS)), data.draw(st.sampled_from(USERS))
        entity = data.draw(st.sampled_from(sorted(case.tree.entities)))
        role_id = data.draw(st.sampled_from(sorted(roles)))
        held = model.effective(principal(actor), entity)
        wanted = Permission(entity, principal(target), group=False, role_id=role_id, propagate=True)
        try:
            model.set_permission(principal(actor), wanted)
        except Refusal:
            continue
        assert roles[role_id] - frozenset(SYSTEM) <= held
        assert "Authorization.ModifyPermissions" in held
