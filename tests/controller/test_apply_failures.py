"""An apply that is stopped half-way: by vCenter, by the log, by a crash."""

from collections.abc import Sequence
from copy import deepcopy

import pytest

from broker.controller.report import ProblemKind
from broker.errors import LogUnavailable, Reason, Refused
from broker.model.names import GrantId, Moid
from broker.model.record import Event, Record
from broker.model.survey import Permission, Role
from broker.ports.administration import Forbidden, NotEffective, OwnRole
from tests.controller.conftest import Controller
from tests.support.administration import (
    CIM,
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
    controller.prod.fail = failing("survey", "", Refused(Reason.VCENTER_UNAVAILABLE))
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
    controller.prod.fail = failing("permissions", "domain-c-DC1", Refused(Reason.VCENTER_TIMEOUT))
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", CLUSTER, account="test-reader")))
    assert [(v.logins, v.logouts) for v in controller.vcenters.values()] == [(1, 1), (1, 1)]


def test_without_a_log_nothing_is_delivered(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    append = controller.log.append

    def full(records: Sequence[Record]) -> None:
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
