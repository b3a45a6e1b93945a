"""What a plan says, what it is bound to, and what an apply of it does."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from broker.controller.apply import apply_saved
from broker.controller.planning.document import PlanOutdated, PlanUnusable, SavedPlan, saved
from broker.controller.planning.plan import (
    Asked,
    GrantAction,
    GrantStep,
    PermissionAction,
    PermissionStep,
    ProblemKind,
    RoleAction,
    RoleStep,
)
from broker.model.names import AccountId, GrantId, Moid
from broker.model.policy import Policy
from broker.model.survey import Permission
from tests.controller.conftest import Controller
from tests.support.administration import CIM, CONFIG, READER, UUID, grant, policy

CLUSTER = "/DC1/host/cluster"
OTHER = "/DC2/host/cluster"
PRUNE = Asked(prune=True)
SETTINGS = "Global.Settings"


def kinds(controller: Controller, wanted: Policy, asked: Asked = Asked()) -> list[str]:  # noqa: B008 - immutable
    steps = [step for each in controller.plan(wanted, asked).vcenters for step in each.steps]
    return [f"{type(step).__name__} {step.action}" for step in steps]


def notes(controller: Controller, wanted: Policy, asked: Asked = Asked()) -> str:  # noqa: B008 - immutable
    (each,) = (v for v in controller.plan(wanted, asked).vcenters if v.vcenter == "prod")
    return "; ".join([*(f"{kept.what}: {kept.reason}" for kept in each.kept), *each.notes])


def test_a_plan_names_every_change_with_its_reason_and_the_hosts_it_reaches(controller: Controller) -> None:
    (each,) = controller.plan(policy(grant("g1", CLUSTER))).vcenters
    role, permission, entitled = each.steps
    assert isinstance(role, RoleStep)
    assert (role.action, role.before, role.after) == (RoleAction.CREATE, None, frozenset({CIM}))
    assert role.reason == "template cim-ticket of grant g1"
    assert isinstance(permission, PermissionStep)
    assert (permission.action, permission.path) == (PermissionAction.SET, CLUSTER)
    assert (permission.reason, permission.hosts.names) == ("grant g1", ("esx01", "esx02"))
    assert isinstance(entitled, GrantStep)
    assert (entitled.action, entitled.hosts.count) == (GrantAction.APPLY, 2)


def test_a_plan_changes_nothing_and_logs_out(controller: Controller) -> None:
    controller.plan(policy(grant("g1", CLUSTER)))
    assert (controller.prod.writes, controller.store.all(), controller.log.events()) == ([], (), [])
    assert controller.prod.logins == controller.prod.logouts == 1


def test_a_plan_after_an_apply_is_empty(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER), grant("g2", "/DC1/host/rack%2f7/esx09/esx09"))
    controller.apply(wanted)
    plan = controller.plan(wanted, PRUNE)
    assert (plan.empty, plan.problems) == (True, ())


def test_a_role_that_changes_both_ways_is_narrowed_first_and_widened_last(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), privileges=frozenset({CIM, CONFIG})))
    wanted = policy(
        replace(grant("g1", CLUSTER, OTHER), digest="other"), privileges=frozenset({CIM, SETTINGS})
    )
    assert kinds(controller, wanted) == [
        "RoleStep narrow",
        "PermissionStep set",
        "RoleStep widen",
        "GrantStep apply",
    ]


def test_new_permissions_come_from_the_leaves_up_and_old_ones_go_from_the_root_down(
    controller: Controller,
) -> None:
    paths = ("/DC1", CLUSTER, f"{CLUSTER}/esx01")
    (each,) = controller.plan(policy(*(grant(f"g{n}", path) for n, path in enumerate(paths)))).vcenters
    assert [s.path for s in each.steps if isinstance(s, PermissionStep)] == list(reversed(paths))
    controller.apply(policy(*(grant(f"g{n}", path) for n, path in enumerate(paths))))
    (each, _) = controller.plan(policy(grant("g9", OTHER)), PRUNE).vcenters
    gone = [s.path for s in each.steps if isinstance(s, PermissionStep) and s.role is None]
    assert gone == list(paths)


def test_what_no_grant_wants_any_more_stays_until_it_is_pruned(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", OTHER, template="cim-config")))
    wanted = policy(grant("g1", CLUSTER))
    assert "permission of VSPHERE.LOCAL\\cim-reader on /DC2/host/cluster" in notes(controller, wanted)
    assert "role cim-broker-cim-config: in use: " in notes(controller, wanted)
    controller.apply(wanted)
    assert Moid("domain-c-DC2") in controller.prod.permissions
    assert controller.apply(wanted, PRUNE).problems == ()
    assert controller.prod.permissions[Moid("domain-c-DC2")] == []
    assert "cim-broker-cim-config" not in {role.name for role in controller.prod.roles.values()}
    assert [role.name for role in controller.store.own_roles(UUID)] == ["cim-broker-cim-ticket"]
    assert controller.plan(wanted, PRUNE).empty


def test_a_role_that_somebody_else_uses_is_never_pruned(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    ours = controller.prod.role("cim-broker-cim-ticket")
    theirs = Permission("CORP\\other", group=False, role_id=ours.id, propagate=True)
    controller.prod.hold("domain-c-DC2", theirs)
    report = controller.apply(policy(), PRUNE)
    assert report.problems == ()
    assert controller.prod.roles[ours.id] == ours
    assert controller.prod.permissions[Moid("domain-c-DC2")] == [theirs]
    assert "in use: CORP\\other on /DC2/host/cluster" in notes(controller, policy(), PRUNE)


def test_a_role_is_not_widened_under_somebody_who_was_not_granted_it(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    ours = controller.prod.role("cim-broker-cim-ticket")
    theirs = Permission("CORP\\other", group=False, role_id=ours.id, propagate=True)
    controller.prod.hold("domain-c-DC2", theirs)
    wider = policy(replace(grant("g1", CLUSTER), digest="other"), privileges=frozenset({CIM, SETTINGS}))
    report = controller.apply(wider)
    assert {(p.kind, p.subject) for p in report.problems} == {
        (ProblemKind.SHARED, "cim-ticket"),
        (ProblemKind.SHARED, "g1"),
    }
    assert controller.prod.roles[ours.id] == ours
    assert controller.store.all() == ()


def test_pruning_uncovers_nothing_wider(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", OTHER)))
    by_hand = Permission(READER, group=False, role_id=7, propagate=True)
    controller.prod.hold("datacenter-DC2", by_hand)
    wanted = policy(grant("g1", CLUSTER))
    assert controller.apply(wanted, PRUNE).problems == ()
    assert len(controller.prod.permissions[Moid("domain-c-DC2")]) == 1
    assert "without it a permission above would give the account more there" in notes(
        controller, wanted, PRUNE
    )


@pytest.mark.parametrize("held", [CONFIG, CIM])
def test_a_permission_of_the_account_below_the_scope_is_a_conflict_where_it_gives_something_else(
    controller: Controller, held: str
) -> None:
    controller.prod.roles[7] = replace(controller.prod.roles[7], privileges=frozenset({held}))
    controller.prod.hold("domain-c-DC1", Permission("cim-reader@vsphere.local", False, 7, True))  # noqa: FBT003
    problems = controller.plan(policy(grant("g1", "/DC1"))).problems
    assert [(p.kind, p.subject) for p in problems] == (
        [(ProblemKind.CONFLICT, "g1")] if held == CONFIG else []
    )


def test_a_permission_that_reaches_no_host_hides_none_that_does(controller: Controller) -> None:
    controller.prod.hold("domain-c-DC1", Permission(READER, False, 7, False))  # noqa: FBT003
    controller.prod.hold("group-h-DC1", Permission(READER, False, 7, True))  # noqa: FBT003
    problems = controller.plan(policy(grant("g1", "/DC1"))).problems
    assert [(p.kind, p.subject) for p in problems] == [(ProblemKind.CONFLICT, "g1")]


def test_a_groups_permission_below_the_scope_is_a_conflict_where_the_account_seems_to_be_in_it(
    controller: Controller,
) -> None:
    controller.prod.hold("domain-c-DC1", Permission("VSPHERE.LOCAL\\ops", True, 7, True))  # noqa: FBT003
    wanted = policy(grant("g1", "/DC1"))
    assert controller.plan(wanted).problems == ()
    member = ("vsphere.local\\cim-reader", Moid("domain-c-DC1"))
    controller.prod.effective[member] = frozenset({CONFIG, "System.Read", "System.View", "System.Anonymous"})
    (problem,) = controller.plan(wanted).problems
    assert (problem.kind, problem.subject) == (ProblemKind.CONFLICT, "g1")
    assert "the group VSPHERE.LOCAL\\ops has a permission there (role storage)" in problem.text


def test_an_own_permission_that_reaches_no_host_does_not_hide_a_groups_that_does(
    controller: Controller,
) -> None:
    controller.prod.hold("domain-c-DC1", Permission(READER, group=False, role_id=7, propagate=False))
    controller.prod.hold(
        "domain-c-DC1", Permission("VSPHERE.LOCAL\\ops", group=True, role_id=7, propagate=True)
    )
    (problem,) = controller.plan(policy(grant("g1", "/DC1"))).problems
    assert (problem.kind, problem.subject) == (ProblemKind.CONFLICT, "g1")
    assert "the group VSPHERE.LOCAL\\ops has a permission there" in problem.text


def test_a_conflict_takes_a_grant_that_was_applied_out_of_the_store(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER), grant("g2", OTHER))
    controller.apply(wanted)
    controller.prod.permissions[Moid("domain-c-DC1")] = [Permission(READER, False, 7, True)]  # noqa: FBT003
    report = controller.apply(wanted)
    assert [(p.kind, p.subject) for p in report.problems] == [(ProblemKind.CONFLICT, "g1")]
    assert [applied.grant for applied in controller.store.all()] == ["g2"]
    again = controller.plan(wanted)
    assert (again.empty, again.problems) == (True, report.problems)


def test_an_account_that_does_not_exist_and_a_privilege_that_the_controller_lacks_are_found_before(
    controller: Controller,
) -> None:
    controller.prod.lacking[Moid("domain-c-DC2")] = frozenset({CIM})
    wanted = policy(grant("g1", CLUSTER, account="ghost"), grant("g2", OTHER), grant("g3", "/DC1"))
    report = controller.apply(wanted)
    assert [(p.kind, p.subject) for p in report.problems] == [
        (ProblemKind.PRINCIPAL, "g1"),
        (ProblemKind.CONTROLLER, "g2"),
    ]
    assert "lacks Host.Cim.CimInteraction on /DC2/host/cluster" in report.problems[1].text
    assert [applied.grant for applied in controller.store.all()] == ["g3"]


def test_both_ways_to_write_the_account_are_one_account(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    reader = AccountId("reader")
    other = {reader: replace(wanted.accounts[reader], user="VSPHERE.LOCAL\\CIM-Reader")}
    controller.apply(wanted)
    assert controller.plan(replace(wanted, accounts={**wanted.accounts, **other})).empty


def swapped(controller: Controller) -> Policy:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    controller.prod.rename("domain-c-DC1", "old")
    controller.prod.add(
        "domain-c77", controller.prod.nodes[Moid("domain-c-DC1")].kind, "cluster", Moid("group-h-DC1")
    )
    return wanted


def test_a_path_that_leads_elsewhere_now_is_followed_by_nobody_unasked(controller: Controller) -> None:
    wanted = swapped(controller)
    report = controller.apply(wanted)
    (problem,) = report.problems
    assert (problem.kind, problem.subject) == (ProblemKind.MOVED, "g1")
    assert "is now domain-c77, and was applied as domain-c-DC1" in problem.text
    assert Moid("domain-c77") not in controller.prod.permissions


def test_a_path_that_leads_elsewhere_is_followed_where_somebody_says_so(controller: Controller) -> None:
    wanted = swapped(controller)
    asked = Asked(prune=True, follow=frozenset({GrantId("g1")}))
    assert controller.apply(wanted, asked).problems == ()
    assert controller.prod.permissions[Moid("domain-c-DC1")] == []
    assert len(controller.prod.permissions[Moid("domain-c77")]) == 1
    assert controller.plan(wanted).empty


def test_two_entries_for_one_vcenter_are_a_problem_and_prune_nothing_of_each_other(
    controller: Controller,
) -> None:
    controller.vcenters["test"] = controller.prod
    wanted = policy(grant("g1", CLUSTER))
    report = controller.apply(wanted, PRUNE)
    assert [(p.kind, p.subject) for p in report.problems] == [(ProblemKind.CONFLICT, "test")]
    assert [p.role_id for p in controller.prod.permissions[Moid("domain-c-DC1")]]


def saved_plan(controller: Controller, wanted: Policy, asked: Asked = Asked()) -> SavedPlan:  # noqa: B008 - immutable
    return SavedPlan(saved(controller.plan(wanted, asked), "bob", controller.clock.now()))


def test_a_saved_plan_is_carried_out(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    plan = saved_plan(controller, wanted)
    controller.clock.advance(3600)
    report = apply_saved(plan, wanted, controller.rooms, "alice")
    assert (len(report.changes), report.problems) == (3, ())
    with pytest.raises(PlanOutdated, match="role cim-broker-cim-ticket: none when planned"):
        apply_saved(plan, wanted, controller.rooms, "alice")


def test_a_saved_plan_keeps_what_was_asked_for(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    plan = saved_plan(controller, policy(), PRUNE)
    assert apply_saved(plan, policy(), controller.rooms, "alice").problems == ()
    assert controller.prod.permissions[Moid("domain-c-DC1")] == []


def somebody_sets_a_permission(controller: Controller) -> None:
    controller.prod.hold("domain-c-DC1", Permission(READER, group=False, role_id=7, propagate=True))


def a_host_comes(controller: Controller) -> None:
    kind = controller.prod.nodes[Moid("host-DC1-1")].kind
    controller.prod.add("host-new", kind, "esx03", Moid("domain-c-DC1"))


def the_account_goes(controller: Controller) -> None:
    controller.prod.principals.clear()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (somebody_sets_a_permission, "none when planned, role no. 7, with what lies below now"),
        (a_host_comes, "steps planned then"),
        (the_account_goes, "problems planned then, 1 others now"),
    ],
)
def test_a_plan_is_refused_when_vcenter_moved_on(controller: Controller, change: object, said: str) -> None:
    wanted = policy(grant("g1", CLUSTER))
    plan = saved_plan(controller, wanted)
    assert callable(change)
    change(controller)
    with pytest.raises(PlanOutdated, match=said):
        apply_saved(plan, wanted, controller.rooms, "alice")
    assert controller.prod.writes == []


def test_a_plan_is_refused_when_the_policy_moved_on(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    plan = saved_plan(controller, wanted)
    with pytest.raises(PlanOutdated, match="the policy: revision revision-1 when planned, other now"):
        apply_saved(plan, replace(wanted, revision="other"), controller.rooms, "alice")


def test_what_changes_elsewhere_outdates_no_plan(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    plan = saved_plan(controller, wanted)
    controller.prod.hold("domain-c-DC2", Permission("CORP\\other", group=False, role_id=7, propagate=True))
    controller.prod.roles[8] = replace(controller.prod.roles[7], id=8, name="backup")
    assert apply_saved(plan, wanted, controller.rooms, "alice").problems == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(CIM.encode(), SETTINGS.encode()),
        lambda text: text.replace(b'"schema": 1', b'"schema": 2'),
        lambda text: text[:-20],
        lambda _: b"[]",
        lambda _: b"{" * 100_000,
        lambda _: b'{"schema": 1, "digest": "", "plan": {"asked": {"prune": true, "follow": 7}}}',
    ],
)
def test_a_file_that_is_not_a_plan_as_it_was_saved_is_refused(controller: Controller, change: object) -> None:
    assert callable(change)
    text = saved(controller.plan(policy(grant("g1", CLUSTER))), "bob", controller.clock.now())
    with pytest.raises(PlanUnusable, match="plan"):
        SavedPlan(change(text))


def with_digest(content: dict[str, Any]) -> SavedPlan:
    """A file as somebody could write it who knows how plans are saved."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return SavedPlan(json.dumps({"schema": 1, "digest": digest, "plan": content}).encode())


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"policy_revision": "revision-1", "vcenters": [{}]},
        {"policy_revision": {}, "vcenters": [{"vcenter": ["prod"]}, 7]},
        {"policy_revision": "revision-1", "vcenters": [{"vcenter": "prod", "observed": 7, "steps": {}}]},
        {"policy_revision": "revision-1", "vcenters": [{"vcenter": "prod", "steps": [{}]}]},
    ],
)
def test_a_plan_that_somebody_wrote_is_outdated_whatever_it_says(
    controller: Controller, rest: dict[str, Any]
) -> None:
    forged = with_digest({"asked": {"prune": True, "follow": []}, **rest})
    with pytest.raises(PlanOutdated):
        apply_saved(forged, policy(grant("g1", CLUSTER)), controller.rooms, "alice")
    assert controller.prod.writes == []
