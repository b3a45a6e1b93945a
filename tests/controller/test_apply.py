"""What an apply does to vCenter and to the store, and what it leaves alone."""

from copy import deepcopy
from dataclasses import replace

import pytest

from broker.controller.planning.plan import ProblemKind
from broker.model.applied import ScopeEntry, Standing
from broker.model.names import GrantId, Moid
from broker.model.record import Event
from broker.model.survey import Permission, Role
from tests.controller.conftest import Controller
from tests.support.administration import (
    CIM,
    CONFIG,
    READER,
    UUID,
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
    assert [change.event for change in report.changes] == expected
    asked = [Event.CHANGE_BEGAN, Event.ROLE_CREATED, Event.CHANGE_BEGAN, *expected[1:]]
    assert controller.log.events() == [Event.APPLY_BEGAN, *asked, Event.APPLY_ENDED]
    assert {(change.fields["by"], change.fields["plan"]) for change in report.changes} == {
        ("alice", report.plan)
    }


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


def test_a_name_chosen_in_vcenter_stays_on_the_line_of_its_problem(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    ours = controller.prod.role("cim-broker-cim-ticket")
    controller.prod.roles[ours.id] = replace(ours, name="x\n1 changed, 0 problems\x1b[2J" + "y" * 5000)
    text = controller.apply(wanted).problems[0].text
    assert "is now called x\ufffd1 changed, 0 problems\ufffd[2Jyyy" in text
    assert text.isprintable()
    assert len(text) < 1100


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
    assert [change.event for change in report.changes] == [Event.ROLE_UPDATED, Event.GRANT_APPLIED]
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
