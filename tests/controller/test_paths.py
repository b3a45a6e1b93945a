"""From inventory paths to objects: exact names, one object, nothing searched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.names import Moid
from broker.model.tree import Entity, Kind, ScopeUnresolved, Target, plain_name
from tests.support.administration import FakeVcenter


def found(vcenter: FakeVcenter, path: str) -> Target:
    return vcenter.tree.locate(path)


@pytest.mark.parametrize(
    ("path", "moid", "entity", "propagate"),
    [
        ("/DC1", "datacenter-DC1", Entity(Kind.DATACENTER, Moid("datacenter-DC1")), True),
        ("/DC2/host/cluster", "domain-c-DC2", Entity(Kind.CLUSTER, Moid("domain-c-DC2")), True),
        ("/DC1/host/cluster/esx01", "host-DC1-1", Entity(Kind.HOST, Moid("host-DC1-1")), False),
        ("/DC1/host/rack%2F7", "group-h-DC1-rack", Entity(Kind.FOLDER, Moid("group-h-DC1-rack")), True),
        (
            "/DC1/host/rack%2f7/esx09",
            "domain-s-DC1",
            Entity(Kind.COMPUTE_RESOURCE, Moid("domain-s-DC1")),
            True,
        ),
        (
            "/DC1/host/rack%2f7/esx09/esx09",
            "host-DC1-9",
            Entity(Kind.COMPUTE_RESOURCE, Moid("domain-s-DC1")),
            True,
        ),
    ],
)
def test_a_path_names_one_object(path: str, moid: str, entity: Entity, propagate: bool) -> None:  # noqa: FBT001
    target = found(FakeVcenter(), path)
    assert (target.path, target.moid, target.entity, target.propagate) == (path, moid, entity, propagate)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/", "root folder"),
        ("", "a path is"),
        ("DC1/host", "a path is"),
        ("/DC1/", "a path is"),
        ("//DC1", "a path is"),
        ("/DC1/host", "no permission of its own"),
        ("/dc1/host/cluster", "names nothing"),
        ("/DC1 /host/cluster", "names nothing"),
        ("/DC1/host/cluste", "names nothing"),
        ("/DC1/host/*", "names nothing"),
        ("/DC1/host/cluster/..", "names nothing"),
        ("/DC1/host/rack/7", "names nothing"),
        ("/DC1/host/cluster/esx01/more", "names nothing"),
        ("/DC1/vm", "names nothing"),
        ("/Datacenters/DC1", "names nothing"),
        ("/DC1/host/cluster\n", "names nothing"),
    ],
)
def test_what_is_not_exactly_one_object_is_refused(path: str, why: str) -> None:
    with pytest.raises(ScopeUnresolved, match=why):
        found(FakeVcenter(), path)


def test_two_objects_of_one_name_are_none() -> None:
    vcenter = FakeVcenter()
    vcenter.add("domain-c99", Kind.CLUSTER, "rack%2F7", Moid("group-h-DC1"))
    with pytest.raises(ScopeUnresolved, match="several"):
        found(vcenter, "/DC1/host/rack%2f7")


@pytest.mark.parametrize(
    ("moid", "path", "hosts"),
    [
        ("group-d1", "/", 6),
        ("datacenter-DC1", "/DC1", 3),
        ("group-h-DC1-rack", "/DC1/host/rack%2f7", 1),
        ("host-DC2-1", "/DC2/host/cluster/esx01", 1),
    ],
)
def test_an_object_has_its_path_and_its_hosts(moid: str, path: str, hosts: int) -> None:
    tree = FakeVcenter().tree
    assert (tree.path_of(Moid(moid)), tree.reaches(Moid(moid))) == (path, hosts)
    assert all(Moid(moid) in tree.lineage(host) for host in tree.hosts_below(Moid(moid)))


def test_what_hangs_in_no_tree_has_neither_path_nor_hosts() -> None:
    vcenter = FakeVcenter()
    vcenter.add("host-lost", Kind.HOST, "esx77", Moid("domain-c-gone"))
    vcenter.add("group-a", Kind.FOLDER, "a", Moid("group-b"))
    vcenter.add("group-b", Kind.FOLDER, "b", Moid("group-a"))
    for moid in map(Moid, ("host-lost", "group-a", "vm-1")):
        assert vcenter.tree.path_of(moid) is None
        assert (vcenter.tree.hosts_below(moid), vcenter.tree.lineage(moid)) == ((), ())


def test_folders_may_lie_in_one_another_as_deep_as_somebody_likes() -> None:
    vcenter = FakeVcenter()
    above = Moid("group-h-DC1")
    for depth in range(5_000):
        above = vcenter.add(f"group-deep{depth}", Kind.FOLDER, "deep", above)
    vcenter.add("host-deep", Kind.HOST, "esx99", above)
    tree = vcenter.tree
    assert found(vcenter, "/DC1/host" + "/deep" * 5_000).moid == above
    assert tree.hosts_below(above) == (Moid("host-deep"),)
    assert tree.reaches(Moid("group-h-DC1")) == 4
    assert found(vcenter, "/DC2/host/cluster").moid == "domain-c-DC2"


NAMES = [
    "a/b",
    "a\\b",
    "50%",
    "%2f",
    "a&b<c>",
    "\"quoted\" 'name'",
    "ünïcode",
    " x ",
    "a%20b",
    "${jndi}",
    "a.*b",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_found_by_their_escaped_form_and_by_no_other(name: str) -> None:
    vcenter = FakeVcenter()
    written = name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
    vcenter.rename("domain-c-DC1", written)
    assert found(vcenter, f"/DC1/host/{written}/esx01").moid == "host-DC1-1"
    with pytest.raises(ScopeUnresolved):
        found(vcenter, f"/DC1/host/{written}x/esx01")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_escaping_a_name_loses_nothing(name: str) -> None:
    written = name.replace("%", "%25").replace("/", "%2F").replace("\\", "%5C")
    assert plain_name(written) == name
