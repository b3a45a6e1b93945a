"""What is known of drift, and for how long a controller may say nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.applied import DriftKind
from broker.model.names import GrantId, VcenterId
from broker.model.policy import DriftMode
from broker.policy.watched import DriftSummary, judge_watch, watched
from tests.support.issuing import APPLIED, GRANT, POLICY, World, drift

PROD = VcenterId("prod")
STRICT = replace(GRANT, drift=DriftMode.STRICT)
MINUTE = timedelta(minutes=1)


def world() -> World:
    return World()


def judged(seen: World) -> Reason | None:
    try:
        judge_watch(STRICT, APPLIED, seen, seen.clock.now())
    except Refused as refusal:
        return refusal.reason
    return None


@pytest.mark.parametrize(
    ("ago", "reason"),
    [
        (timedelta(), None),
        (10 * MINUTE, None),
        (10 * MINUTE + timedelta(seconds=1), Reason.CONTROLLER_SILENT),
        (-11 * MINUTE, Reason.CONTROLLER_SILENT),
        (-9 * MINUTE, None),
    ],
)
def test_a_strict_grant_refuses_ten_minutes_after_the_controller_was_heard(
    ago: timedelta, reason: Reason | None
) -> None:
    seen = world()
    seen.heard_at[PROD] = seen.clock.now() - ago
    assert judged(seen) is reason


def test_a_controller_that_was_never_heard_is_silent_once_the_apply_is_ten_minutes_old() -> None:
    seen = world()
    assert judged(seen) is Reason.CONTROLLER_SILENT
    applied = replace(APPLIED, applied_at=seen.clock.now() - 9 * MINUTE)
    judge_watch(STRICT, applied, seen, seen.clock.now())


def test_a_grant_that_follows_goes_by_what_the_controller_said_last() -> None:
    seen = world()
    judge_watch(replace(GRANT, drift=DriftMode.FOLLOW), APPLIED, seen, seen.clock.now())


def cut(seen: World) -> None:
    seen.grants_applied.clear()


def rewrite(seen: World) -> None:
    seen.grants_applied[GRANT.id] = replace(APPLIED, digest="another")


def move(seen: World) -> None:
    seen.grants_applied[GRANT.id] = replace(APPLIED, vcenter=VcenterId("elsewhere"))


@pytest.mark.parametrize("change", [cut, rewrite, move])
def test_a_vcenter_in_which_nothing_stands_as_it_is_written_is_nobodys_to_watch(
    change: Callable[[World], None],
) -> None:
    seen = world()
    change(seen)
    assert watched(POLICY, seen, seen.clock.now()) == {}


def test_drifted_grants_are_counted_in_each_way_in_which_they_drifted() -> None:
    second = replace(GRANT, id=GrantId("second"))
    policy = replace(POLICY, grants={GRANT.id: GRANT, second.id: second})
    both = (*drift().findings, *drift(DriftKind.NARROWED).findings, *drift().findings)
    found = replace(drift(), findings=both)
    seen = world()
    seen.grants_applied = {
        GRANT.id: replace(APPLIED, drift=found),
        second.id: replace(APPLIED, grant=second.id, drift=drift()),
    }
    seen.heard_at[PROD] = seen.clock.now()
    told = watched(policy, seen, seen.clock.now())[PROD]
    assert dict(told.kinds) == {DriftKind.WIDENED: 2, DriftKind.NARROWED: 1}
    assert (told.silent, told.heard_at) == (False, seen.clock.now())


def test_who_asks_often_is_told_what_was_read_some_seconds_ago() -> None:
    seen = world()
    summary = DriftSummary(seen, seen, seen.clock)
    assert summary.look()[PROD].silent
    seen.heard_at[PROD] = seen.clock.now()
    assert summary.look()[PROD].silent
    seen.clock.advance(5)
    assert not summary.look()[PROD].silent


def test_a_store_that_cannot_be_asked_leaves_what_was_known() -> None:
    class Failing(World):
        down = False

        def now(self) -> World:
            if self.down:
                raise LogUnavailable("the disk is full")
            return self

    seen = Failing()
    summary = DriftSummary(seen, seen, seen.clock)
    before = summary.look()
    seen.down = True
    seen.clock.advance(60)
    assert summary.look() == before != {}
