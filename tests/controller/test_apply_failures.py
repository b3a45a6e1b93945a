"""An apply that is stopped half-way: by vCenter, by the log, by somebody else, by a crash."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from broker.controller.planning.plan import Asked, ProblemKind
from broker.errors import BrokerError, LogUnavailable, Reason, Refused
from broker.model.names import GrantId, Moid
from broker.model.record import Event, Record
from broker.model.survey import Permission, Role
from broker.ports.administration import Forbidden, OwnRole
from broker.store.database import Database
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
from tests.support.commit_faults import NOT_PERSISTED
from tests.support.commit_faults import failing as failing_store

CLUSTER = "/DC1/host/cluster"
OTHER = "/DC2/host/cluster"
FOREIGN = Permission("CORP\\other", group=False, role_id=7, propagate=True)
BY_HAND = Permission(READER, group=False, role_id=7, propagate=True)


def only(controller: Controller, moid: str) -> Permission:
    (found,) = controller.prod.permissions[Moid(moid)]
    return found


def test_no_permission_in_the_middle_leaves_the_grant_out_and_running_again_finishes(
    controller: Controller,
) -> None:
    wanted = policy(grant("g1", CLUSTER, OTHER))
    controller.prod.hold("domain-c-DC1", FOREIGN)
    controller.prod.fail = failing("set_permission", "domain-c-DC2", Forbidden("NoPermission"))
    report = controller.apply(wanted)
    assert [(p.kind, p.subject) for p in report.problems] == [
        (ProblemKind.REFUSED, OTHER),
        (ProblemKind.SKIPPED, "g1"),
    ]
    assert FOREIGN in controller.prod.permissions[Moid("domain-c-DC1")]
    assert controller.store.all() == ()
    controller.prod.fail = lambda _call, _subject: None
    assert controller.apply(wanted).problems == ()
    assert [applied.grant for applied in controller.store.all()] == ["g1"]


def test_an_account_whose_permission_failed_gets_no_further_ones(controller: Controller) -> None:
    controller.prod.fail = failing("set_permission", "domain-c-DC1", Forbidden("NoPermission"))
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", "/DC1")))
    assert [p.subject for p in report.problems] == [CLUSTER, "g1", "g2"]
    assert controller.prod.permissions == {}


def test_a_role_that_somebody_could_not_be_taken_off_is_not_widened(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", OTHER)))
    wider = policy(
        grant("g1", CLUSTER, template="cim-config"),
        replace(grant("g2", OTHER), digest="other"),
        privileges=frozenset({CIM, "Global.Settings"}),
    )
    controller.prod.fail = failing("set_permission", "domain-c-DC1", Forbidden("NoPermission"))
    report = controller.apply(wider)
    assert {p.subject for p in report.problems} == {CLUSTER, "g1", "g2"}
    assert controller.prod.role("cim-broker-cim-ticket").privileges == {CIM}


def test_what_somebody_sets_between_plan_and_write_stays(controller: Controller) -> None:
    def meddle(call: str, subject: str) -> BrokerError | None:
        if (call, subject) == ("permissions", "domain-c-DC1"):
            controller.prod.permissions[Moid("domain-c-DC1")] = [BY_HAND]
        return None

    controller.prod.fail = meddle
    report = controller.apply(policy(grant("g1", CLUSTER)))
    assert [p.kind for p in report.problems] == [ProblemKind.FOREIGN, ProblemKind.SKIPPED]
    assert "has role no. 7 with what lies below there, and when planned it had no permission" in (
        report.problems[0].text
    )
    assert only(controller, "domain-c-DC1") == BY_HAND
    assert controller.store.all() == ()


def test_what_somebody_sets_right_after_our_write_is_named_with_what_stood_before_and_stays(
    controller: Controller,
) -> None:
    def meddle(call: str, subject: str) -> BrokerError | None:
        if (call, subject) == ("after set_permission", "domain-c-DC1"):
            controller.prod.permissions[Moid("domain-c-DC1")] = [BY_HAND]
        return None

    controller.prod.fail = meddle
    report = controller.apply(policy(grant("g1", CLUSTER)))
    assert [p.kind for p in report.problems] == [ProblemKind.FOREIGN, ProblemKind.SKIPPED]
    assert "before it had no permission; it stays as it is" in report.problems[0].text
    assert only(controller, "domain-c-DC1") == BY_HAND
    assert controller.store.all() == ()


def test_a_role_that_somebody_changed_since_the_plan_stays(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    ours = controller.prod.role("cim-broker-cim-ticket")
    by_hand = replace(ours, privileges=frozenset({"Global.Settings"}))

    def meddle(call: str, _subject: str) -> BrokerError | None:
        if call == "roles":
            controller.prod.roles[ours.id] = by_hand
        return None

    controller.prod.fail = meddle
    report = controller.apply(policy(grant("g1", CLUSTER), privileges=frozenset({CIM, CONFIG})))
    assert report.problems[0].kind is ProblemKind.FOREIGN
    assert "plan again" in report.problems[0].text
    assert controller.prod.roles[ours.id] == by_hand


def test_a_role_that_somebody_made_since_the_plan_is_not_taken_for_ours(controller: Controller) -> None:
    foreign = Role(60, "cim-broker-cim-ticket", False, frozenset({CIM}))  # noqa: FBT003

    def meddle(call: str, _subject: str) -> BrokerError | None:
        if call == "create_role":
            controller.prod.roles[60] = foreign
        return None

    controller.prod.fail = meddle
    report = controller.apply(policy(grant("g1", CLUSTER)))
    assert "AlreadyExists" in report.problems[0].text
    controller.prod.fail = lambda _call, _subject: None
    assert controller.apply(policy(grant("g1", CLUSTER))).problems[0].kind is ProblemKind.CONFLICT
    assert controller.prod.roles[60] == foreign
    assert controller.prod.permissions == {}


@pytest.mark.parametrize("call", ["after create_role", "after set_permission", "after update_role"])
def test_an_answer_that_was_lost_counts_by_what_shows_afterwards(controller: Controller, call: str) -> None:
    controller.apply(policy(grant("g0", OTHER)))
    lost = Refused(Reason.VCENTER_TIMEOUT)
    controller.prod.fail = lambda c, _subject: lost if c == call else None
    wanted = policy(grant("g0", OTHER), grant("g1", CLUSTER, template="cim-config"), privileges=frozenset())
    report = controller.apply(wanted)
    assert report.problems == ()
    assert controller.plan(wanted).empty


def test_a_grant_that_left_the_policy_leaves_the_store_and_not_vcenter(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", OTHER)))
    controller.prod.writes.clear()
    report = controller.apply(policy(grant("g2", OTHER)))
    assert [c.event for c in report.changes] == [Event.GRANT_WITHDRAWN]
    assert controller.store.applied(GrantId("g1")) is None
    assert controller.prod.writes == []
    assert only(controller, "domain-c-DC1")


def test_a_grant_is_withdrawn_together_with_its_record_or_not_at_all(
    controller: Controller, database: Database
) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    second = failing_store(database, "INSERT INTO record", NOT_PERSISTED, after=1)
    with second, pytest.raises(LogUnavailable):
        controller.apply(policy())
    assert controller.log.events()[-1] is Event.APPLY_BEGAN
    assert controller.store.applied(GrantId("g1")) is not None
    assert controller.apply(policy()).problems == ()
    assert controller.log.events()[-2:] == [Event.GRANT_WITHDRAWN, Event.APPLY_ENDED]


def test_a_grant_is_withdrawn_even_where_vcenter_is_away(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", OTHER)))
    controller.prod.fail = failing("survey", "", Refused(Reason.VCENTER_UNAVAILABLE))
    report = controller.apply(policy(grant("g2", OTHER)))
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
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", OTHER)))
    assert [p.subject for p in report.problems] == ["prod"]
    assert controller.store.all() == ()


def test_a_fault_of_one_account_does_not_stop_the_next(controller: Controller) -> None:
    fault = Refused(Reason.VCENTER_FAULT, "ManagedObjectNotFound")
    controller.prod.principals.add("vsphere.local\\nobody")
    controller.prod.fail = failing("set_permission", "domain-c-DC1", fault)
    report = controller.apply(policy(grant("g1", CLUSTER), grant("g2", OTHER, account="ghost")))
    assert [p.subject for p in report.problems] == [CLUSTER, "g1"]
    assert [applied.grant for applied in controller.store.all()] == ["g2"]


def test_every_session_is_logged_out(controller: Controller) -> None:
    controller.prod.fail = failing("permissions", "domain-c-DC1", Refused(Reason.VCENTER_TIMEOUT))
    controller.apply(policy(grant("g1", CLUSTER), grant("g2", CLUSTER, account="test-reader")))
    for vcenter in controller.vcenters.values():
        assert vcenter.logins == vcenter.logouts > 0


def test_without_a_log_nothing_more_is_done(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    append = controller.log.append

    def full(records: Sequence[Record]) -> None:
        append(records)
        if Event.PERMISSION_SET in controller.log.events():
            raise LogUnavailable("disk full")

    monkeypatch.setattr(controller.log, "append", full)
    with pytest.raises(LogUnavailable):
        controller.apply(policy(grant("g1", CLUSTER, OTHER)))
    assert controller.store.all() == ()
    assert len(controller.prod.permissions) == 1


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
    wanted = policy(grant("g1", CLUSTER, OTHER))
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
    assert controller.plan(wanted, Asked(prune=True)).empty


@pytest.mark.parametrize(
    ("call", "change", "what"),
    [
        ("update_role", Event.ROLE_UPDATED, {"held": [CIM], "holds": [CIM, CONFIG]}),
        ("set_permission", Event.PERMISSION_SET, {"entity": "group-h-DC1-rack", "principal": READER}),
        ("remove_permission", Event.PERMISSION_REMOVED, {"entity": "datacenter-DC1", "principal": READER}),
        ("remove_role", Event.ROLE_REMOVED, {"role": "cim-broker-cim-config"}),
    ],
)
def test_what_was_done_right_before_a_crash_is_on_record_though_nothing_of_it_is_left_to_do(
    controller: Controller, call: str, change: Event, what: dict[str, object]
) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g3", "/DC1", template="cim-config")))
    wanted = policy(grant("g1", "/DC1/host/rack%2f7", OTHER), privileges=frozenset({CIM, CONFIG}))
    controller.prod.fail = crashing(f"after {call}")
    with pytest.raises(Crash):
        controller.apply(wanted, Asked(prune=True))
    assert controller.log.events()[-1] is Event.CHANGE_BEGAN
    last = controller.log.fields()[-1]
    assert (last["change"], last["by"]) == (change.name.lower(), "alice")
    assert what.items() <= last.items()


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
