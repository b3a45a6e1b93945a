"""The machine's clock is set while the broker runs: nobody gets in by it, and no exposure gets shorter."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.faults.conftest import Scene
from tests.support.faulty_broker import arm, set_clock
from tests.support.invariants import close_orphans
from tests.support.stack import until

HOUR_S, YEAR_S = 3600, 365 * 86400


@pytest.fixture
def clocked(scene: Scene) -> Iterator[Scene]:
    yield scene
    set_clock(scene.faults, 0)


def told_since(clocked: Scene, before: int) -> list[dict[str, Any]]:
    """The records since then; that the clock was set is one of its own, whenever it is noticed."""
    return [r for r in clocked.stack.records()[before:] if r["event"] != "clock_stepped"]


@pytest.mark.parametrize("seconds", [-HOUR_S, HOUR_S, YEAR_S])
def test_under_a_wrong_clock_nobody_gets_in_and_under_the_right_one_everybody_again(
    clocked: Scene, seconds: int
) -> None:
    witness, before = clocked.witness, clocked.witness.log_size()
    set_clock(clocked.faults, seconds)
    assert [witness.ask().ticket for _ in range(3)] == [None] * 3
    assert clocked.stack.get("/healthz").ok
    events = [record["event"] for record in told_since(clocked, before)]
    assert events == ["access_refused", "token_refused", "token_refused"]
    set_clock(clocked.faults, 0)
    assert witness.gets_a_ticket()


@pytest.mark.parametrize("seconds", [-HOUR_S, HOUR_S])
def test_a_clock_that_is_set_during_the_call_makes_no_exposure_shorter(clocked: Scene, seconds: int) -> None:
    before = clocked.witness.log_size()
    clocked.witness.at_next_mint(lambda: set_clock(clocked.faults, seconds))
    assert clocked.witness.ask().status == 200
    intent, issued = told_since(clocked, before)
    intended, since, until = (
        datetime.fromisoformat(t)
        for t in (intent["ts"], issued["fields"]["exposure_from"], issued["fields"]["exposure_until"])
    )
    assert since < intended + timedelta(seconds=60)
    assert until >= intended + timedelta(seconds=120)


@pytest.mark.parametrize("seconds", [-HOUR_S, HOUR_S])
def test_an_attempt_left_open_when_the_clock_is_set_is_closed_all_the_same(
    clocked: Scene, seconds: int
) -> None:
    """By a process whose clock is right, ten minutes later."""
    witness = clocked.witness
    arm(clocked.faults, "after_reply")
    witness.at_next_mint(lambda: set_clock(clocked.faults, seconds))
    assert witness.ask().status == 0
    set_clock(clocked.faults, 0)
    assert close_orphans(clocked.stack.store) == 1
    until(witness.gets_a_ticket, "a ticket")
