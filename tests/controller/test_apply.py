"""What an apply does to vCenter and to the store, and what it leaves alone."""

from copy import deepcopy
from dataclasses import replace

import pytest

from broker.controller.report import ProblemKind
from broker.errors import LogUnavailable, Reason, Refused
from broker.model.applied import ScopeEntry, Standing
from broker.model.names import GrantId, Moid
from broker.model.record import Event
from broker.ports.administration import Forbidden, NotEffective, OwnRole, Permission, Role
from tests.controller.conftest import Controller
from tests.support.administration import (
    CIM,
    CONFIG,
    READER,
    UUID,
    Crash,
    crashing,
    failing,
    grant,
    policy,
)

CLUSTER = "/DC1/host/cluster"
FOREIGN = Permission("CORP\\other", group=False, role_id=7, propagate=True)


def only(controller: Controller, moid: str) -> Permission:
    (found,) = controller.prod.permissions[Moid(moid)]
    return found


def test_a_first_apply_makes_role_permission_and_row(controller: Controller) -> None:
    report = controller.apply(policy(grant("g1", CLUSTER)))
    role = controller.prod.role("cim-broker-cim-ticket")
    assert role.privileges == {CIM}
    assert only(controller, "domain-c-DC1") == Permission(READER, False, role.id, True)  # noqa: FBT003
    applied = controller.store.applied(GrantId("g1"))
    assert applied is not None
    assert applied.scope == (ScopeEntry(CLUSTER, UUID, Moid("domain-c-DC1")),)
    assert (applied.role_id, applied.standing) == (role.id, Standing.HOLDS)
    assert report.problems == ()
    expected = [Event.ROLE_CREATED, Event.PERMISSION_SET, Event.GRANT_APPLIED]
    assert [change.event for change in report.changes] == expected == controller.log.events()


def test_a_second_apply_writes_nothing(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER, "/DC2/host/rack%2F7"), grant("g2", "/DC1/host/rack%2f7/esx09/esx09"))
    controller.apply(wanted)
    before = deepcopy((controller.prod.roles, controller.prod.permissions, controller.store.all()))
    controller.prod.writes.clear()
    controller.clock.advance(60)
    report = controller.apply(wanted)
    assert (report.changes, report.problems, report.unchanged) == ((), (), ("g1", "g2"))
    assert controller.prod.writes == []
    assert (controller.prod.roles, controller.prod.permissions, controller.store.all()) == before


def test_what_is_not_ours_is_as_it_was(controller: Controller) -> None:
    vcenter = controller.prod
    vcenter.hold("domain-c-DC1", FOREIGN)
    vcenter.hold(
        "domain-c-DC1", Permission("VSPHERE.LOCAL\\cim-reader", group=True, role_id=7, propagate=True)
    )
    vcenter.hold("datacenter-DC1", Permission(READER, group=False, role_id=7, propagate=False))
    roles, permissions = deepcopy(vcenter.roles), deepcopy(vcenter.permissions)
    assert controller.apply(policy(grant("g1", CLUSTER))).problems == ()
    ours = vcenter.role("cim-broker-cim-ticket").id
    assert {i: r for i, r in vcenter.roles.items() if i != ours} == roles
    left = {moid: [p for p in held if p.role_id != ours] for moid, held in vcenter.permissions.items()}
    assert left == permissions


def test_a_foreign_role_of_our_name_is_a_conflict(controller: Controller) -> None:
    foreign = Role(50, "cim-broker-cim-ticket", False, frozenset({CIM}))  # noqa: FBT003
    controller.prod.roles[50] = foreign
    report = controller.apply(policy(grant("g1", CLUSTER)))
    assert [p.kind for p in report.problems] == [ProblemKind.CONFLICT, ProblemKind.CONFLICT]
    assert "did not make" in report.problems[0].text
    assert controller.prod.roles[50] == foreign
    assert controller.prod.writes == []
    assert controller.store.all() == ()


def test_a_role_made_anew_by_somebody_else_is_a_conflict(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    ours = controller.prod.role("cim-broker-cim-ticket")
    del controller.prod.roles[ours.id]
    controller.prod.roles[900] = replace(ours, id=900)
    report = controller.apply(wanted)
    assert "another than the one this broker made" in report.problems[0].text
    assert controller.prod.roles[900] == replace(ours, id=900)


def test_a_renamed_role_of_ours_is_named_and_left(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    ours = controller.prod.role("cim-broker-cim-ticket")
    controller.prod.roles[ours.id] = replace(ours, name="renamed")
    controller.prod.writes.clear()
    report = controller.apply(wanted)
    assert report.problems[0].kind is ProblemKind.CONFLICT
    assert "is now called renamed" in report.problems[0].text
    assert controller.prod.writes == []


def test_a_deleted_role_of_ours_is_made_again(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    ours = controller.prod.role("cim-broker-cim-ticket")
    del controller.prod.roles[ours.id]
    controller.prod.permissions.clear()
    assert controller.apply(wanted).problems == ()
    again = controller.prod.role("cim-broker-cim-ticket")
    applied = controller.store.applied(GrantId("g1"))
    assert applied is not None
    assert applied.role_id == again.id
    assert only(controller, "domain-c-DC1").role_id == again.id


@pytest.mark.parametrize("held", [frozenset({CIM, CONFIG}), frozenset[str]()], ids=["wider", "empty"])
def test_a_changed_role_of_ours_is_set_right(controller: Controller, held: frozenset[str]) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    ours = controller.prod.role("cim-broker-cim-ticket")
    controller.prod.roles[ours.id] = replace(ours, privileges=held)
    report = controller.apply(wanted)
    assert [change.event for change in report.changes] == [Event.ROLE_UPDATED]
    assert controller.prod.roles[ours.id] == ours


def test_a_template_that_grew_updates_its_role_in_place(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    ours = controller.prod.role("cim-broker-cim-ticket").id
    wider = policy(replace(grant("g1", CLUSTER), digest="other"), privileges=frozenset({CIM, CONFIG}))
    report = controller.apply(wider)
    assert [change.event for change in report.changes] == [Event.ROLE_UPDATED, Event.GRANT_APPLIED]
    assert controller.prod.roles[ours].privileges == {CIM, CONFIG}


def test_a_privilege_that_this_vcenter_does_not_know_is_named(controller: Controller) -> None:
    report = controller.apply(policy(grant("g1", CLUSTER, template="future")))
    assert report.problems[0].kind is ProblemKind.UNRESOLVED
    assert "Host.Future.Thing" in report.problems[0].text
    assert controller.prod.writes == []


def test_a_vcenter_that_does_not_list_privileges_is_not_second_guessed(controller: Controller) -> None:
    controller.prod.known = frozenset()
    assert controller.apply(policy(grant("g1", CLUSTER))).problems == ()


def test_a_foreign_permission_of_our_account_is_a_conflict_for_that_grant_alone(
    controller: Controller,
) -> None:
    foreign = Permission("vsphere.local\\CIM-Reader", group=False, role_id=7, propagate=True)
    controller.prod.hold("domain-c-DC1", foreign)
    report = controller.apply(
        policy(grant("g1", "/DC2/host/cluster", CLUSTER), grant("g2", "/DC2/host/rack%2f7"))
    )
    (problem,) = report.problems
    assert (problem.kind, problem.subject) == (ProblemKind.CONFLICT, "g1")
    assert only(controller, "domain-c-DC1") == foreign
    assert Moid("domain-c-DC2") not in controller.prod.permissions
    assert [applied.grant for applied in controller.store.all()] == ["g2"]


def test_a_permission_with_our_role_that_somebody_else_set_is_used_and_not_changed(
    controller: Controller,
) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    role = controller.prod.role("cim-broker-cim-ticket").id
    by_hand = Permission(READER, group=False, role_id=role, propagate=False)
    controller.prod.hold("domain-c-DC2", by_hand)
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", "/DC2/host/cluster")))
    assert [p.subject for p in report.problems] == ["g2"]
    assert only(controller, "domain-c-DC2") == by_hand


def test_our_own_permission_follows_a_change_of_template(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    report = controller.apply(policy(grant("g1", CLUSTER, template="cim-config")))
    assert report.problems == ()
    assert only(controller, "domain-c-DC1").role_id == controller.prod.role("cim-broker-cim-config").id


def test_a_changed_reach_of_our_permission_is_set_right(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    controller.prod.permissions[Moid("domain-c-DC1")] = [
        replace(only(controller, "domain-c-DC1"), propagate=False)
    ]
    assert controller.apply(wanted).problems == ()
    assert only(controller, "domain-c-DC1").propagate


def test_two_grants_cannot_hold_different_templates_for_one_account_on_one_object(
    controller: Controller,
) -> None:
    report = controller.apply(
        policy(
            grant("g1", CLUSTER),
            grant("g2", CLUSTER, template="cim-config"),
            grant("g3", "/DC2/host/cluster"),
        )
    )
    assert [(p.subject, p.kind) for p in report.problems] == [
        ("g1", ProblemKind.CONFLICT),
        ("g2", ProblemKind.CONFLICT),
    ]
    assert "g1, g2" in report.problems[0].text
    assert Moid("domain-c-DC1") not in controller.prod.permissions


def test_two_grants_may_share_one_permission(controller: Controller) -> None:
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", CLUSTER)))
    assert report.problems == ()
    assert only(controller, "domain-c-DC1").principal == READER
    assert len(controller.store.all()) == 2


def test_a_stand_alone_host_takes_its_permission_on_its_compute_resource(controller: Controller) -> None:
    path = "/DC1/host/rack%2f7/esx09/esx09"
    assert controller.apply(policy(grant("g1", path))).problems == ()
    assert only(controller, "domain-s-DC1").propagate
    assert Moid("host-DC1-9") not in controller.prod.permissions
    applied = controller.store.applied(GrantId("g1"))
    assert applied is not None
    assert applied.scope == (ScopeEntry(path, UUID, Moid("host-DC1-9")),)


def test_a_host_in_a_cluster_takes_its_own_and_does_not_propagate(controller: Controller) -> None:
    assert controller.apply(policy(grant("g1", f"{CLUSTER}/esx02"))).problems == ()
    assert not only(controller, "host-DC1-2").propagate


def test_clusters_of_one_name_in_two_datacenters_are_told_apart(controller: Controller) -> None:
    controller.apply(policy(grant("g1", "/DC2/host/cluster")))
    assert list(controller.prod.permissions) == ["domain-c-DC2"]


def test_a_path_that_names_nothing_leaves_its_grant_alone(controller: Controller) -> None:
    report = controller.apply(
        policy(grant("g1", CLUSTER, "/DC1/host/gone"), grant("g2", "/DC2/host/cluster"))
    )
    (problem,) = report.problems
    assert (problem.kind, problem.subject) == (ProblemKind.UNRESOLVED, "g1")
    assert list(controller.prod.permissions) == ["domain-c-DC2"]


def test_a_missing_principal_is_a_problem_of_its_grant(controller: Controller) -> None:
    report = controller.apply(policy(grant("g1", CLUSTER, account="ghost"), grant("g2", "/DC2/host/cluster")))
    assert [(p.subject, p.kind) for p in report.problems] == [("g1", ProblemKind.REFUSED)]
    assert "UserNotFound" in report.problems[0].text
    assert [applied.grant for applied in controller.store.all()] == ["g2"]
    assert Event.APPLY_FAILED in controller.log.events()


def test_no_permission_in_the_middle_takes_back_what_was_set_before(controller: Controller) -> None:
    controller.prod.hold("domain-c-DC1", FOREIGN)
    controller.prod.fail = failing("set_permission", "domain-c-DC2", Forbidden("NoPermission"))
    report = controller.apply(policy(grant("g1", CLUSTER, "/DC2/host/cluster")))
    assert [p.kind for p in report.problems] == [ProblemKind.REFUSED]
    assert controller.prod.permissions[Moid("domain-c-DC1")] == [FOREIGN]
    assert controller.store.all() == ()


def test_taking_back_restores_our_own_earlier_permission(controller: Controller) -> None:
    paths = (CLUSTER, "/DC2/host/cluster")
    controller.apply(policy(grant("g1", *paths)))
    before = deepcopy(controller.prod.permissions)
    controller.prod.fail = failing("set_permission", "domain-c-DC2", Forbidden("NoPermission"))
    controller.apply(policy(grant("g1", *paths, template="cim-config")))
    assert controller.prod.permissions == before


def test_what_somebody_changed_meanwhile_is_not_taken_back(controller: Controller) -> None:
    def meddle(call: str, subject: str) -> Forbidden | None:
        if (call, subject) == ("set_permission", "domain-c-DC2"):
            controller.prod.permissions[Moid("domain-c-DC1")] = [
                Permission(READER, group=False, role_id=7, propagate=True)
            ]
            return Forbidden("NoPermission")
        return None

    controller.prod.fail = meddle
    controller.apply(policy(grant("g1", CLUSTER, "/DC2/host/cluster")))
    assert only(controller, "domain-c-DC1").role_id == 7


def test_what_cannot_be_taken_back_is_named(controller: Controller) -> None:
    def stuck(call: str, subject: str) -> Forbidden | None:
        stop = {("set_permission", "domain-c-DC2"), ("remove_permission", "domain-c-DC1")}
        return Forbidden(f"{call} NoPermission") if (call, subject) in stop else None

    controller.prod.fail = stuck
    report = controller.apply(policy(grant("g1", CLUSTER, "/DC2/host/cluster")))
    assert "not undone: domain-c-DC1" in report.problems[0].text
    assert controller.store.all() == ()


def test_a_grant_that_left_the_policy_leaves_the_store_and_not_vcenter(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", "/DC2/host/cluster")))
    controller.prod.writes.clear()
    report = controller.apply(policy(grant("g2", "/DC2/host/cluster")))
    assert [c.event for c in report.changes] == [Event.GRANT_WITHDRAWN]
    assert controller.store.applied(GrantId("g1")) is None
    assert controller.prod.writes == []
    assert only(controller, "domain-c-DC1")


def test_a_grant_is_withdrawn_even_where_vcenter_is_away(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", "/DC2/host/cluster")))
    controller.prod.fail = failing("instance_uuid", "", Refused(Reason.VCENTER_UNAVAILABLE))
    report = controller.apply(policy(grant("g2", "/DC2/host/cluster")))
    assert controller.store.applied(GrantId("g1")) is None
    assert [p.kind for p in report.problems] == [ProblemKind.UNREACHABLE]


def test_a_vcenter_that_is_away_does_not_keep_another_from_being_applied(controller: Controller) -> None:
    controller.prod.fail = failing("roles", "", Refused(Reason.VCENTER_TIMEOUT))
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", CLUSTER, account="test-reader")))
    assert [(p.kind, p.subject) for p in report.problems] == [(ProblemKind.UNREACHABLE, "prod")]
    assert [applied.vcenter for applied in controller.store.all()] == ["test"]


def test_a_vcenter_that_goes_away_in_the_middle_is_asked_nothing_more(controller: Controller) -> None:
    lost = Refused(Reason.VCENTER_TIMEOUT)
    controller.prod.fail = failing("set_permission", "domain-c-DC1", lost)
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", "/DC2/host/cluster")))
    assert [p.subject for p in report.problems] == ["prod"]
    assert controller.store.all() == ()


def test_a_fault_of_one_grant_does_not_stop_the_next(controller: Controller) -> None:
    fault = Refused(Reason.VCENTER_FAULT, "ManagedObjectNotFound")
    controller.prod.fail = failing("set_permission", "domain-c-DC1", fault)
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", "/DC2/host/cluster")))
    assert [p.subject for p in report.problems] == ["g1"]
    assert [applied.grant for applied in controller.store.all()] == ["g2"]


def test_every_session_is_logged_out(controller: Controller) -> None:
    controller.prod.fail = failing("locate", CLUSTER, Refused(Reason.VCENTER_TIMEOUT))
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", CLUSTER, account="test-reader")))
    assert [(v.logins, v.logouts) for v in controller.vcenters.values()] == [(1, 1), (1, 1)]


def test_without_a_log_nothing_is_delivered(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    append = controller.log.append

    def full(records: object) -> None:
        append(records)
        if Event.PERMISSION_SET in controller.log.events():
            raise LogUnavailable("disk full")

    monkeypatch.setattr(controller.log, "append", full)
    with pytest.raises(LogUnavailable):
        controller.apply(policy(grant("g1", CLUSTER)))
    assert controller.store.all() == ()
    assert controller.prod.permissions[Moid("domain-c-DC1")] == []


CRASHES = [
    ("create_role", ""),
    ("after create_role", ""),
    ("set_permission", "domain-c-DC1"),
    ("after set_permission", "domain-c-DC1"),
    ("set_permission", "domain-c-DC2"),
    ("after set_permission", "domain-c-DC2"),
]


@pytest.mark.parametrize(("call", "subject"), CRASHES)
def test_a_crash_leaves_nothing_that_serve_would_use_and_the_next_apply_finishes(
    controller: Controller, call: str, subject: str
) -> None:
    wanted = policy(grant("g1", CLUSTER, "/DC2/host/cluster"))
    controller.prod.fail = crashing(call, subject)
    with pytest.raises(Crash):
        controller.apply(wanted)
    assert controller.store.all() == ()
    controller.prod.fail = lambda _call, _subject: None
    assert controller.apply(wanted).problems == ()
    assert [r.name for r in controller.prod.roles.values() if r.name.startswith("cim-broker")] == [
        "cim-broker-cim-ticket"
    ]
    assert all(len(held) == 1 for held in controller.prod.permissions.values())
    assert controller.store.applied(GrantId("g1")) is not None


def test_a_role_that_appeared_after_our_crash_and_is_another_is_not_taken_for_ours(
    controller: Controller,
) -> None:
    controller.store.own_role(
        OwnRole(UUID, "cim-broker-cim-ticket", grant("g1").template, None, frozenset({CIM}))
    )
    controller.prod.roles[60] = Role(60, "cim-broker-cim-ticket", False, frozenset({CIM, "Global.Settings"}))  # noqa: FBT003
    report = controller.apply(policy(grant("g1", CLUSTER)))
    assert report.problems[0].kind is ProblemKind.CONFLICT
    assert controller.prod.writes == []


def test_a_permission_that_never_shows_is_taken_back_under_the_name_it_was_set(
    controller: Controller,
) -> None:
    lost = NotEffective("shows no such permission")
    controller.prod.fail = failing("after set_permission", "domain-c-DC1", lost)
    report = controller.apply(policy(grant("g1", CLUSTER)))
    assert [p.kind for p in report.problems] == [ProblemKind.REFUSED]
    assert controller.prod.permissions[Moid("domain-c-DC1")] == []
    assert controller.store.all() == ()


def test_a_call_that_never_arrived_leaves_nothing_to_take_back(controller: Controller) -> None:
    controller.prod.fail = failing("set_permission", "domain-c-DC1", NotEffective("lost"))
    report = controller.apply(policy(grant("g1", CLUSTER)))
    assert "not undone" not in report.problems[0].text
