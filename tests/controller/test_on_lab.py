"""The controller against the lab: real TLS, real SOAP, a permission model that enforces."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import enumerate as enumerate_threads
from typing import Any

import pytest

from broker.controller.planning.plan import ProblemKind
from broker.controller.watch import Watch
from broker.lab.authorization.permissions import Permission as Held
from broker.model.applied import Standing
from broker.model.names import GrantId, Moid
from broker.model.survey import Permission
from broker.model.tree import ScopeUnresolved
from broker.store.database import Database
from tests.support.administration import CIM, CONFIG, grant
from tests.support.controlled_lab import ALONE, CLUSTER, READER, Site, controlled_lab
from tests.support.lab_vcenter import PASSWORDS


@pytest.fixture
def site(tmp_path: Path, database: Database) -> Iterator[Site]:
    with controlled_lab(tmp_path, database) as site:
        yield site


def held(site: Site, path: str) -> frozenset[str]:
    """What vCenter itself says that the account may do there."""
    manager = site.other.authorizationManager
    (answer,) = manager.FetchUserPrivilegeOnEntities([site.entity(path)], "svc-cim-a@vsphere.local")
    return frozenset(answer.privileges) - {"System.Anonymous", "System.Read", "System.View"}


def test_after_an_apply_the_account_holds_its_template_there_and_nowhere_else(site: Site) -> None:
    report = site.apply(site.policy(grant("g1", CLUSTER)))
    assert report.problems == ()
    below = site.entity(CLUSTER.removeprefix("/")).host
    manager = site.other.authorizationManager
    for answer in manager.FetchUserPrivilegeOnEntities(list(below), "svc-cim-a@vsphere.local"):
        assert CIM in answer.privileges
    assert held(site, "DC1/host/cluster-01") == {CIM}
    assert held(site, "DC1") == held(site, "DC2") == frozenset()


def test_everything_that_is_not_ours_is_as_it_was(site: Site) -> None:
    foreign = site.other.authorizationManager.AddRole("storage", [CONFIG])
    site.set_permission("DC1/host/cluster-01", "VSPHERE.LOCAL\\svc-cim-b", foreign)
    site.set_permission("DC1/host/cluster-01", "VSPHERE.LOCAL\\administrator", foreign)
    site.set_permission("DC2", READER, foreign)
    roles, permissions = site.everything()
    report = site.apply(site.policy(grant("g1", CLUSTER), grant("g2", ALONE)))
    assert report.problems == ()
    roles_after, permissions_after = site.everything()
    ours = site.role_id()
    assert {r for r in roles_after if r[0] != ours} == roles
    assert {p for p in permissions_after if p[3] != ours} == permissions
    assert len(permissions_after) == len(permissions) + 2


def test_a_second_apply_asks_vcenter_to_change_nothing(site: Site) -> None:
    wanted = site.policy(grant("g1", CLUSTER), grant("g2", ALONE), grant("g3", "/DC1/host/Racks"))
    site.apply(wanted)
    before, everything = site.writes(), site.everything()
    report = site.apply(wanted)
    assert (report.changes, report.problems) == ((), ())
    assert site.writes() == before == 4
    assert site.everything() == everything


def test_a_foreign_permission_of_the_account_stops_its_grant(site: Site) -> None:
    foreign = site.other.authorizationManager.AddRole("storage", [CONFIG])
    site.set_permission("DC1/host/cluster-01", READER, foreign)
    report = site.apply(site.policy(grant("g1", ALONE, CLUSTER)))
    assert [(p.kind, p.subject) for p in report.problems] == [(ProblemKind.CONFLICT, "g1")]
    assert "SetEntityPermissions" not in {m for m, n in site.lab.knobs.calls().items() if n > 1}
    assert site.store.all() == ()


def test_whether_a_group_below_the_scope_decides_is_asked_of_vcenter(site: Site) -> None:
    group = ("VSPHERE.LOCAL\\Administrators", True, -2, True)
    site.lab.model.seed(Held(site.lab.moid("DC1/host/cluster-01"), *group))
    before = site.lab.knobs.calls().get("FetchUserPrivilegeOnEntities", 0)
    assert site.apply(site.policy(grant("g1", "/DC1"))).problems == ()
    assert site.lab.knobs.calls()["FetchUserPrivilegeOnEntities"] == before + 2
    assert site.plan(site.policy(grant("g1", "/DC1"))).empty


def test_a_stand_alone_host_is_reached_by_both_of_its_paths(site: Site) -> None:
    host = f"{ALONE}/esx0009.lab.example"
    assert site.apply(site.policy(grant("g1", ALONE), grant("g2", host))).problems == ()
    entities = {p.entity for p in site.lab.model.permissions() if p.role_id == site.role_id()}
    assert entities == {site.lab.moid("DC1/host/esx0009.lab.example")}
    scopes = {a.grant: [e.moid for e in a.scope] for a in site.store.all()}
    assert scopes[GrantId("g2")] == [site.lab.moid("DC1/host/esx0009.lab.example/esx0009.lab.example")]
    assert held(site, host.removeprefix("/")) == {CIM}


def test_a_host_of_a_cluster_takes_a_permission_of_its_own(site: Site) -> None:
    assert site.apply(site.policy(grant("g1", f"{CLUSTER}/esx0001.lab.example"))).problems == ()
    assert held(site, "DC1/host/cluster-01/esx0001.lab.example") == {CIM}
    assert held(site, "DC1/host/cluster-01/esx0002.lab.example") == frozenset()


@pytest.mark.parametrize("name", ["rack%2f7", "a%5cb", "R&D <1>", "\"quoted\" 'x'", "50%25", "ünï", "a  b"])
def test_hostile_names_survive_the_wire(site: Site, name: str) -> None:
    moid = site.lab.moid("DC1/host/Racks")
    site.lab.world.inventory.entity(moid).name = name
    report = site.apply(site.policy(grant("g1", f"/DC1/host/{name}/cluster-02")))
    assert report.problems == ()
    assert [e.moid for a in site.store.all() for e in a.scope] == [
        site.lab.moid(f"DC1/host/{name}/cluster-02")
    ]


@pytest.mark.parametrize("name", ["R&D <1>", "\"quoted\" 'x'", "a/b\\c%2f", "ünï ${x}"])
def test_hostile_role_names_survive_the_wire(site: Site, name: str) -> None:
    session = site.session()
    session.create_role(name, frozenset({CIM}))
    (made,) = (role for role in session.roles() if role.name == name)
    session.update_role(made.id, name, frozenset({CIM, CONFIG}))
    (again,) = (role for role in session.roles() if role.id == made.id)
    session.remove_role(made.id)
    assert made.id not in {role.id for role in session.roles()}
    session.close()
    assert (again.name, again.privileges) == (name, frozenset({CIM, CONFIG}))


def test_clusters_of_one_name_in_two_datacenters_are_told_apart(site: Site) -> None:
    inventory = site.lab.world.inventory
    cluster = site.lab.moid("DC1/host/Racks/cluster-02")
    inventory.entity(cluster).name = "cluster-01"
    site.apply(site.policy(grant("g1", "/DC1/host/Racks/cluster-01")))
    assert [e.moid for a in site.store.all() for e in a.scope] == [cluster]


def test_a_change_that_takes_a_while_is_waited_for(site: Site) -> None:
    site.apply(site.policy(grant("g1", CLUSTER)))
    site.lab.knobs.set_role_lag(0.4)
    report = site.apply(site.policy(grant("g1", CLUSTER), privileges=frozenset({CIM, CONFIG})))
    assert report.problems == ()
    assert held(site, "DC1/host/cluster-01") == {CIM, CONFIG}


def test_a_change_that_never_shows_leaves_its_grant_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.controller.carrying.readback.EFFECTIVE_WITHIN_S", 0.2)
    site.apply(site.policy(grant("g1", CLUSTER)))
    site.lab.knobs.set_role_lag(60)
    wider = site.policy(replace(grant("g1", CLUSTER), digest="other"), privileges=frozenset({CIM, CONFIG}))
    report = site.apply(wider)
    assert [(p.kind, p.subject) for p in report.problems] == [
        (ProblemKind.REFUSED, "cim-ticket"),
        (ProblemKind.SKIPPED, "g1"),
    ]
    assert [applied.digest for applied in site.store.all()] == [grant("g1", CLUSTER).digest]


@pytest.mark.parametrize("user", ["ghost@vsphere.local", r"ELSEWHERE\svc-cim-a"])
def test_an_account_that_vcenter_does_not_know_is_found_before_anything_is_written(
    site: Site, user: str
) -> None:
    report = site.apply(site.policy(grant("g1", CLUSTER), user=user))
    assert [p.kind for p in report.problems] == [ProblemKind.PRINCIPAL]
    assert "knows no account" in report.problems[0].text
    assert "SetEntityPermissions" not in site.lab.knobs.calls()


def test_what_the_controller_may_not_change_is_found_before_anything_is_written(site: Site) -> None:
    manager = site.other.authorizationManager
    manager.RemoveEntityPermission(site.entity("DC2"), "VSPHERE.LOCAL\\broker-controller", False)  # noqa: FBT003
    _, permissions_before = site.everything()
    alone = "/DC2/host/esx0010.lab.example"
    report = site.apply(site.policy(grant("g1", CLUSTER, alone), grant("g2", "/DC1/host/Racks")))
    assert [p.subject for p in report.problems] == ["g1"]
    _, permissions = site.everything()
    racks = site.lab.moid("DC1/host/Racks")
    assert {p[0] for p in permissions - permissions_before} == {racks}
    assert [a.grant for a in site.store.all()] == ["g2"]


def test_a_template_that_the_controller_may_not_hand_on_is_found_in_the_plan(site: Site) -> None:
    plan = site.plan(site.policy(grant("g1", CLUSTER), privileges=frozenset({CIM, "Global.Settings"})))
    (problem,) = plan.problems
    assert (problem.kind, problem.subject) == (ProblemKind.CONTROLLER, "g1")
    assert "lacks Global.Settings on /DC1/host/cluster-01" in problem.text
    assert site.store.all() == ()


def test_a_wrong_password_is_tried_once_and_by_nobody_again(site: Site) -> None:
    site.password = "wrong"
    wanted = site.policy(grant("g1", CLUSTER))
    for _ in range(3):
        report = site.apply(wanted)
        assert [p.kind for p in report.problems] == [ProblemKind.UNREACHABLE]
    assert site.lab.knobs.calls()["Login"] == 2  # the administrator's own is the other
    site.password = PASSWORDS["broker-controller"]
    assert site.apply(wanted).problems == ()


def test_an_apply_leaves_no_session_behind(site: Site) -> None:
    site.apply(site.policy(grant("g1", CLUSTER, "/DC1/host/gone")))
    assert [live for live in site.lab.sessions.all() if "controller" in live.session.user] == []


def widen(site: Site) -> None:
    site.other.authorizationManager.UpdateRole(site.role_id(), "cim-broker-cim-ticket", [CIM, CONFIG])


def rename(site: Site) -> None:
    site.other.authorizationManager.UpdateRole(site.role_id(), "mine", [CIM])


def delete(site: Site) -> None:
    site.other.authorizationManager.RemoveRole(site.role_id(), False)  # noqa: FBT003


def take(site: Site) -> None:
    cluster = site.entity("DC1/host/cluster-01")
    site.other.authorizationManager.RemoveEntityPermission(cluster, READER, False)  # noqa: FBT003


def overwrite(site: Site) -> None:
    foreign = site.other.authorizationManager.AddRole("storage", [CONFIG])
    site.set_permission("DC1/host/cluster-01", READER, foreign)


def move(site: Site) -> None:
    site.lab.world.inventory.entity(site.lab.moid("DC1/host/cluster-01")).name = "moved"


DRIFTS = [
    (widen, "beyond its template"),
    (rename, "is now called mine"),
    (delete, "is gone"),
    (take, "has no permission there"),
    (overwrite, "and was given"),
    (move, "names nothing"),
]


@pytest.mark.parametrize(("change", "finding"), DRIFTS, ids=[change.__name__ for change, _ in DRIFTS])
def test_a_watch_finds_what_somebody_changed(site: Site, change: Any, finding: str) -> None:
    wanted = site.policy(grant("g1", CLUSTER), grant("g2", ALONE))
    site.apply(wanted)
    watch = Watch(site.rooms)
    watch.round(wanted)
    assert site.standing() == (Standing.HOLDS, "")
    before = site.writes()
    change(site)
    changed = site.writes()
    watch.round(wanted)
    watch.close()
    assert site.standing()[0] is not Standing.HOLDS
    assert finding in site.standing()[1]
    assert site.writes() == changed >= before


def test_a_watch_that_is_closed_leaves_nobody_who_listens(site: Site) -> None:
    wanted = site.policy(grant("g1", CLUSTER))
    site.apply(wanted)
    before = set(enumerate_threads())
    watch = Watch(site.rooms)
    watch.round(wanted)
    (ear,) = (each for each in set(enumerate_threads()) - before if each.name == "listen-prod")
    watch.close()
    assert not ear.is_alive()


def test_a_watch_comes_back_after_its_session_was_ended(site: Site) -> None:
    wanted = site.policy(grant("g1", CLUSTER))
    site.apply(wanted)
    watch = Watch(site.rooms)
    watch.round(wanted)
    take(site)
    assert site.lab.sessions.kill("broker-controller@vsphere.local") + site.lab.sessions.kill(
        "VSPHERE.LOCAL\\broker-controller"
    )
    watch.round(wanted)
    watch.close()
    assert site.standing()[0] is not Standing.HOLDS


def test_paths_are_walked_on_the_wire_as_in_memory(site: Site) -> None:
    session = site.session()
    tree = session.survey().tree
    for path in (
        "/",
        "/DC1/host",
        "/DC1/vm",
        "/DC1/host/cluster-1",
        "/DC1/host/Racks/cluster-02/esx0001.lab.example",
    ):
        with pytest.raises(ScopeUnresolved):
            tree.locate(path)
    assert tree.locate("/DC1").moid == site.lab.moid("DC1")
    session.close()


def test_a_permission_is_set_read_and_taken_back(site: Site) -> None:
    session = site.session()
    session.create_role("ours", frozenset({CIM}))
    (role,) = (role for role in session.roles() if role.name == "ours")
    target = session.survey().tree.locate(CLUSTER)
    wanted = Permission(READER, group=False, role_id=role.id, propagate=target.propagate)
    session.set_permission(target.entity, wanted)
    assert wanted in session.permissions(target.entity)
    session.remove_permission(target.entity, READER)
    assert wanted not in session.permissions(target.entity)
    assert CIM in session.privilege_ids()
    session.close()


def test_one_look_shows_roles_permissions_and_the_tree_in_three_calls(site: Site) -> None:
    site.apply(site.policy(grant("g1", CLUSTER)))
    session = site.session()
    session.instance_uuid()
    before = sum(site.lab.knobs.calls().values())
    seen = session.survey()
    assert sum(site.lab.knobs.calls().values()) - before == 3
    session.close()
    cluster = Moid(site.lab.moid("DC1/host/cluster-01"))
    assert seen.permission_of(cluster, "svc-cim-a@vsphere.local") == Permission(
        READER, group=False, role_id=site.role_id(), propagate=True
    )
    assert seen.roles[site.role_id()].privileges == {CIM}
    assert seen.tree.path_of(cluster) == CLUSTER
    assert seen.tree.hosts_below(cluster) == tuple(site.lab.world.inventory.children(cluster)[1:])
