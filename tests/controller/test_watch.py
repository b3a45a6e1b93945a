"""What a round of watching finds, marks and leaves alone."""

from collections.abc import Callable
from dataclasses import replace
from threading import Event as Flag

import pytest

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.applied import DriftKind, Standing
from broker.model.names import GrantId, Moid, VcenterId
from broker.model.record import Event
from broker.model.survey import Permission
from broker.store.database import Database
from tests.controller.conftest import Controller
from tests.support.administration import CIM, CONFIG, READER, FakeVcenter, failing, grant, policy
from tests.support.commit_faults import NOT_PERSISTED
from tests.support.commit_faults import failing as failing_store
from tests.support.drifts import (
    delete_role,
    less_below,
    less_role,
    lose_path,
    more_below,
    move_path,
    narrow_role,
    other_instance,
    other_reach,
    other_role,
    rename_role,
    role_id,
    same_role,
    swap_clusters,
    take_permission,
    unknown_role,
    widen_role,
)

CLUSTER = "/DC1/host/cluster"
WANTED = policy(grant("g1", CLUSTER), grant("g2", "/DC2/host/rack%2f7/esx09/esx09"))


CHANGES: list[tuple[Callable[[FakeVcenter], None], DriftKind, str]] = [
    (rename_role, DriftKind.REPLACED, "is now called mine now"),
    (delete_role, DriftKind.NARROWED, "is gone"),
    (widen_role, DriftKind.WIDENED, f"holds {CONFIG} beyond its template"),
    (narrow_role, DriftKind.NARROWED, f"lacks {CIM}"),
    (move_path, DriftKind.MOVED, "is now domain-c77, and was applied as domain-c-DC1"),
    (lose_path, DriftKind.MOVED, "names nothing"),
    (swap_clusters, DriftKind.MOVED, "is now domain-c-DC2, and was applied as domain-c-DC1"),
    (take_permission, DriftKind.NARROWED, "has no permission there"),
    (other_role, DriftKind.WIDENED, "has role 7 (storage) there"),
    (less_role, DriftKind.NARROWED, "has role 8 (nothing) there"),
    (same_role, DriftKind.REPLACED, "has role 8 (same) there"),
    (unknown_role, DriftKind.REPLACED, "has role 99 there"),
    (
        more_below,
        DriftKind.WIDENED,
        "/DC1/host/cluster/esx01: VSPHERE.LOCAL\\cim-reader has role 7",
    ),
    (less_below, DriftKind.NARROWED, "has role 8 (nothing) there, and that decides for some hosts"),
    (other_reach, DriftKind.NARROWED, "another reach"),
    (other_instance, DriftKind.MOVED, "another vCenter instance"),
]


@pytest.mark.parametrize(("change", "kind", "text"), CHANGES, ids=[change.__name__ for change, *_ in CHANGES])
def test_what_somebody_changed_is_drift(
    controller: Controller, change: Callable[[FakeVcenter], None], kind: DriftKind, text: str
) -> None:
    controller.apply(WANTED)
    change(controller.prod)
    before = len(controller.prod.writes)
    controller.watch().round(WANTED)
    applied = controller.store.applied(GrantId("g1"))
    assert applied is not None
    assert applied.drift is not None
    (found,) = applied.drift.findings
    assert found.kind is kind
    assert text in found.text
    assert controller.log.events()[-1] is Event.GRANT_DRIFTED
    assert len(controller.prod.writes) == before


@pytest.mark.parametrize(
    "harmless",
    [
        lambda v: v.hold("host-DC1-1", Permission("VSPHERE.LOCAL\\other", False, 7, True)),  # noqa: FBT003
        lambda v: v.hold("host-DC1-1", Permission(READER, False, role_id(v), True)),  # noqa: FBT003
        lambda v: v.hold("datacenter-DC1", Permission(READER, False, 7, True)),  # noqa: FBT003
        lambda v: v.hold("domain-c-DC2", Permission(READER, False, 7, True)),  # noqa: FBT003
    ],
    ids=["another account's", "the same below", "above", "elsewhere"],
)
def test_a_permission_that_decides_nothing_of_the_grant_is_no_drift(
    controller: Controller, harmless: Callable[[FakeVcenter], None]
) -> None:
    controller.apply(WANTED)
    harmless(controller.prod)
    controller.watch().round(WANTED)
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())


def test_what_another_grant_of_the_account_holds_below_is_no_drift(controller: Controller) -> None:
    both = policy(grant("g1", CLUSTER), grant("g3", f"{CLUSTER}/esx01", template="cim-config"))
    assert controller.apply(both).problems == ()
    controller.watch().round(both)
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())
    assert len(controller.store.all()) == 2


def test_what_an_edited_grant_still_holds_below_is_no_drift_before_it_is_applied(
    controller: Controller,
) -> None:
    outer, inner = grant("g1", CLUSTER), grant("g3", f"{CLUSTER}/esx01", template="cim-config")
    controller.apply(policy(outer, inner))
    controller.watch().round(policy(outer, replace(inner, digest="edited")))
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())
    foreign = Permission(READER, group=False, role_id=7, propagate=False)
    controller.prod.permissions[Moid("host-DC1-1")] = [foreign]
    controller.watch().round(policy(outer, replace(inner, digest="edited")))
    assert [a.standing is Standing.HOLDS for a in controller.store.all()] == [False, True]


def test_what_a_removed_grant_left_below_is_drift_until_it_is_pruned(controller: Controller) -> None:
    outer, inner = grant("g1", CLUSTER), grant("g3", f"{CLUSTER}/esx01", template="cim-config")
    controller.apply(policy(outer, inner))
    controller.watch().round(policy(outer))
    (left,) = [a for a in controller.store.all() if a.grant == "g1"]
    assert left.standing is Standing.DRIFTED


def test_a_name_chosen_in_vcenter_stays_on_the_line_of_the_finding(controller: Controller) -> None:
    controller.apply(WANTED)
    role = controller.prod.role("cim-broker-cim-ticket")
    controller.prod.roles[role.id] = replace(role, name="x\n2026-01-01 INFO grant g1: holds\x1b[2J\u202e")
    controller.watch().round(WANTED)
    applied = controller.store.applied(GrantId("g1"))
    assert applied is not None
    assert applied.finding.isprintable()
    assert "is now called x\ufffd2026-01-01 INFO grant g1: holds\ufffd[2J\ufffd" in applied.finding


def test_what_holds_is_neither_marked_nor_recorded(controller: Controller) -> None:
    controller.apply(WANTED)
    before = (controller.store.all(), controller.log.events())
    watch = controller.watch()
    watch.round(WANTED)
    watch.round(WANTED)
    assert (controller.store.all(), controller.log.events()) == before


def test_a_drift_is_recorded_once_and_again_when_it_is_over(controller: Controller) -> None:
    controller.apply(WANTED)
    watch = controller.watch()
    held = controller.prod.permissions[Moid("domain-c-DC1")]
    take_permission(controller.prod)
    watch.round(WANTED)
    watch.round(WANTED)
    controller.prod.permissions[Moid("domain-c-DC1")] = held
    watch.round(WANTED)
    watch.round(WANTED)
    assert controller.log.events()[-2:] == [Event.GRANT_DRIFTED, Event.GRANT_HOLDS_AGAIN]
    applied = controller.store.applied(GrantId("g1"))
    assert applied is not None
    assert (applied.standing, applied.finding) == (Standing.HOLDS, "")


def test_another_finding_is_another_record(controller: Controller) -> None:
    controller.apply(WANTED)
    watch = controller.watch()
    take_permission(controller.prod)
    watch.round(WANTED)
    other_role(controller.prod)
    watch.round(WANTED)
    assert controller.log.events()[-2:] == [Event.GRANT_DRIFTED, Event.GRANT_DRIFTED]


def test_one_grants_drift_is_not_anothers(controller: Controller) -> None:
    controller.apply(WANTED)
    take_permission(controller.prod)
    controller.watch().round(WANTED)
    assert [a.standing for a in controller.store.all()] == [Standing.NARROWED, Standing.HOLDS]


def test_a_vcenter_that_cannot_be_asked_is_no_drift(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER), grant("g3", CLUSTER, account="test-reader")))
    both = policy(grant("g1", CLUSTER), grant("g3", CLUSTER, account="test-reader"))
    watch = controller.watch()
    for vcenter in controller.vcenters.values():
        delete_role(vcenter)
    controller.prod.fail = failing("survey", "", Refused(Reason.VCENTER_UNAVAILABLE))
    watch.round(both)
    assert [a.standing for a in controller.store.all()] == [Standing.HOLDS, Standing.NARROWED]
    controller.prod.fail = lambda _call, _subject: None
    watch.round(both)
    assert [a.standing for a in controller.store.all()] == [Standing.NARROWED, Standing.NARROWED]


def test_a_vcenter_that_does_not_answer_holds_up_no_other_and_is_looked_at_when_it_does(
    controller: Controller,
) -> None:
    both = policy(grant("g1", CLUSTER), grant("g3", CLUSTER, account="test-reader"))
    controller.apply(both)
    for vcenter in controller.vcenters.values():
        delete_role(vcenter)
    answers = Flag()

    def hang(call: str, _subject: str) -> None:
        if call == "survey":
            assert answers.wait(20)

    controller.prod.fail = hang
    watch = controller.watch()
    watch.round(both)
    watch.round(both)
    assert [a.standing for a in controller.store.all()] == [Standing.HOLDS, Standing.NARROWED]
    answers.set()
    assert watch.due.wait(20)
    assert [a.standing for a in controller.store.all()] == [Standing.NARROWED, Standing.NARROWED]
    watch.close()


def test_a_grant_whose_text_changed_is_left_to_apply(controller: Controller) -> None:
    controller.apply(WANTED)
    delete_role(controller.prod)
    controller.watch().round(policy(grant("g1", CLUSTER, "/DC2")))
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())


def test_what_is_applied_while_a_round_looks_at_it_is_not_marked_for_what_was_there_before(
    controller: Controller,
) -> None:
    controller.apply(WANTED)
    take_permission(controller.prod)

    def apply_meanwhile(call: str, _subject: str) -> None:
        if call == "after survey":
            controller.prod.fail = lambda _call, _subject: None
            controller.clock.advance(1)
            assert controller.apply(WANTED).problems == ()
            applied.append(controller.prod.permissions[Moid("domain-c-DC1")])

    applied: list[list[Permission]] = []
    controller.prod.fail = apply_meanwhile
    controller.watch().round(WANTED)
    assert len(applied) == 1
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())
    assert Event.GRANT_DRIFTED not in controller.log.events()


def test_an_apply_sets_a_drifted_grant_right(controller: Controller) -> None:
    controller.apply(WANTED)
    take_permission(controller.prod)
    controller.watch().round(WANTED)
    assert controller.apply(WANTED).problems == ()
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())


def test_one_session_serves_many_rounds_and_ends_with_the_watch(controller: Controller) -> None:
    controller.apply(WANTED)
    watch = controller.watch()
    for _ in range(3):
        watch.round(WANTED)
    assert (controller.prod.logins, controller.prod.logouts) == (2, 1)
    watch.close()
    assert controller.prod.logouts == 2
    watch.round(WANTED)  # what still runs opens nothing that stays
    watch.close()
    assert controller.prod.logins == controller.prod.logouts


def test_a_vcenter_that_the_policy_no_longer_has_is_left(controller: Controller) -> None:
    controller.apply(WANTED)
    watch = controller.watch()
    watch.round(WANTED)
    changed = {name: replace(v, concurrency=3) for name, v in WANTED.vcenters.items()}
    watch.round(replace(WANTED, vcenters=changed))
    assert (controller.prod.logins, controller.prod.logouts) == (3, 2)


def test_an_account_that_moved_to_another_vcenter_is_left_to_apply(controller: Controller) -> None:
    controller.apply(WANTED)
    accounts = {key: replace(a, vcenter=VcenterId("test")) for key, a in WANTED.accounts.items()}
    controller.watch().round(replace(WANTED, accounts=accounts))
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())


def test_a_log_that_takes_nothing_ends_the_round_before_a_mark(
    controller: Controller, database: Database
) -> None:
    controller.apply(WANTED)
    take_permission(controller.prod)
    with failing_store(database, "INSERT INTO record", NOT_PERSISTED), pytest.raises(LogUnavailable):
        controller.watch().round(WANTED)
    assert all(a.standing is Standing.HOLDS for a in controller.store.all())
