"""Whose request is served next: each app in its turn, and none at the cost of all others."""

import pytest

from broker.http.lanes import (
    ALONE,
    ARRIVALS,
    BUSY,
    LAPSE_S,
    RECENTLY_S,
    UNKNOWN,
    LaneFull,
    Roster,
)
from tests.support.clock import HandClock

THREADS = 16
FREE_FOR_OTHERS = 2


class Shift:
    """A roster whose threads are numbers, and whose work is the name of its lane with a count."""

    def __init__(self, threads: int = THREADS) -> None:
        self.clock = HandClock()
        self.roster = Roster(threads, self.clock.monotonic)
        self._did: list[str] = []
        self._thread = 0

    def queue(self, *lanes: str) -> None:
        for number, lane in enumerate(lanes):
            self.roster.put(lane, lambda what=f"{lane}{number}": self._did.append(what))  # type: ignore[misc]

    def begin(self) -> int | None:
        """The next thread takes what there is for it; its number."""
        self._thread += 1
        work = self.roster.take(self._thread)
        if work is None:
            return None
        work()
        return self._thread

    def begin_all(self) -> list[int]:
        """As many as may."""
        begun = []
        while (thread := self.begin()) is not None:
            begun.append(thread)
        return begun

    @property
    def did(self) -> list[str]:
        done, self._did = self._did, []
        return done


@pytest.fixture
def shift() -> Shift:
    return Shift()


def waiting(shift: Shift, lane: str, number: int) -> list[int]:
    """So many threads that work for the lane and stand aside."""
    threads = []
    for _ in range(number):
        shift.queue(lane)
        thread = shift.begin()
        assert thread is not None
        assert shift.roster.aside(thread)
        threads.append(thread)
    return threads


def test_lanes_take_turns_and_each_keeps_its_own_order(shift: Shift) -> None:
    shift.queue("a", "a", "a", "b", "c", "b")
    for _ in range(6):
        thread = shift.begin()
        assert thread is not None
        shift.roster.done(thread)
    assert shift.did == ["a0", "b3", "c4", "a1", "b5", "a2"]


def test_an_app_that_is_alone_computes_with_a_few_threads(shift: Shift) -> None:
    shift.queue(*["a"] * 10)
    assert len(shift.begin_all()) == ALONE


def test_beside_another_an_app_computes_with_one_thread(shift: Shift) -> None:
    shift.queue(*["a"] * 10, *["b"] * 10)
    for thread in shift.begin_all():
        shift.roster.done(thread)
    shift.begin_all()
    assert shift.did == ["a0", "b10", "a1", "b11"]


def test_an_app_that_asked_a_while_ago_counts_no_more(shift: Shift) -> None:
    shift.queue("b", *["a"] * 10)
    for thread in shift.begin_all():
        shift.roster.done(thread)
    assert len(shift.begin_all()) == 1
    shift.clock.advance(RECENTLY_S)
    assert len(shift.begin_all()) == ALONE


@pytest.mark.parametrize("lane", [UNKNOWN, ARRIVALS, BUSY])
def test_what_is_no_apps_slows_no_app_down(shift: Shift, lane: str) -> None:
    shift.queue(lane, *["a"] * 10)
    assert len(shift.begin_all()) == 1 + ALONE


def test_what_is_no_apps_computes_with_one_thread_beside_an_app(shift: Shift) -> None:
    shift.queue("a", *[UNKNOWN] * 10)
    assert len(shift.begin_all()) == 2


def test_who_stands_aside_lets_another_begin_and_is_counted_again_when_it_goes_on(shift: Shift) -> None:
    shift.queue("b", *["a"] * 3)
    _, first = shift.begin_all()
    assert shift.roster.aside(first)
    second = shift.begin()
    assert second is not None
    shift.roster.back(first)
    shift.roster.done(second)
    assert shift.begin() is None
    shift.roster.done(first)
    assert shift.begin() is not None


def test_standing_aside_twice_is_standing_aside(shift: Shift) -> None:
    shift.queue("a")
    thread = shift.begin()
    assert thread is not None
    assert [shift.roster.aside(thread), shift.roster.aside(thread)] == [True, False]
    assert not shift.roster.aside(999)


def test_who_computes_for_too_long_is_taken_to_wait(shift: Shift) -> None:
    shift.queue("b", *["a"] * 3)
    shift.begin_all()
    assert not shift.roster.ready()
    shift.clock.advance(LAPSE_S)
    assert shift.roster.ready()
    assert len(shift.begin_all()) == 1


def test_the_last_threads_are_for_lanes_that_hold_none(shift: Shift) -> None:
    waiting(shift, "a", THREADS - FREE_FOR_OTHERS)
    shift.queue("a")
    assert shift.begin() is None
    shift.queue("b", UNKNOWN)
    assert len(shift.begin_all()) == FREE_FOR_OTHERS
    shift.queue("c")
    assert shift.begin() is None


def test_a_thread_that_is_done_serves_the_lane_that_waited(shift: Shift) -> None:
    first, *_ = waiting(shift, "a", THREADS - FREE_FOR_OTHERS)
    shift.queue("a")
    shift.roster.done(first)
    assert shift.begin() is not None


@pytest.mark.parametrize(("threads", "held"), [(1, 1), (2, 1), (4, 3)])
def test_few_threads_leave_one_for_others_and_a_single_one_serves_all(threads: int, held: int) -> None:
    shift = Shift(threads)
    waiting(shift, "a", held)
    shift.queue("a", "b")
    assert len(shift.begin_all()) == threads - held


def test_a_lane_has_room_for_so_many_and_another_has_its_own(shift: Shift) -> None:
    shift.queue(*["a"] * 8 * THREADS)
    with pytest.raises(LaneFull):
        shift.queue("a")
    shift.queue("b")


def test_there_is_room_for_all_connections(shift: Shift) -> None:
    shift.queue(*[ARRIVALS] * 2000)
    assert shift.roster.queued()


def test_it_is_known_for_whom_a_thread_works(shift: Shift) -> None:
    shift.queue("a")
    thread = shift.begin()
    assert thread is not None
    assert shift.roster.lane_of(thread) == "a"
    shift.roster.done(thread)
    assert shift.roster.lane_of(thread) is None
    assert not shift.roster.queued()


HELPER, ANOTHER = 1001, 1002


def test_helpers_compute_as_they_like_while_no_other_app_asks(shift: Shift) -> None:
    shift.queue("a")
    shift.begin()
    shift.roster.help(HELPER, "a")

    assert shift.roster.may_help("a")
    assert shift.roster.lane_of(HELPER) == "a"


def test_beside_others_one_thread_computes_for_an_app_its_helpers_included(shift: Shift) -> None:
    shift.queue("a", "b")
    served, _ = shift.begin_all()
    assert served is not None
    assert not shift.roster.may_help("a")
    shift.roster.aside(served)
    assert shift.roster.may_help("a")
    shift.roster.help(HELPER, "a")

    assert not shift.roster.may_help("a")
    shift.roster.aside(HELPER)
    assert shift.roster.may_help("a")
    shift.roster.back(HELPER)
    assert not shift.roster.may_help("a")
    shift.roster.helped(HELPER)
    assert shift.roster.may_help("a")


def test_a_helper_counts_no_more_that_computes_for_too_long(shift: Shift) -> None:
    shift.queue("a", "b")
    served, _ = shift.begin_all()
    shift.roster.aside(served)
    shift.roster.help(HELPER, "a")
    shift.clock.advance(LAPSE_S)

    assert shift.roster.may_help("a")
    shift.roster.help(ANOTHER, "a")
    shift.roster.helped(HELPER)
    assert not shift.roster.may_help("a")


def test_whom_a_helper_works_for_asks_and_others_take_turns_with_it(shift: Shift) -> None:
    shift.queue("a")
    served = shift.begin()
    assert served is not None
    shift.roster.aside(served)
    shift.clock.advance(RECENTLY_S)
    shift.roster.help(HELPER, "a")

    shift.queue("b", "b")
    assert len(shift.begin_all()) == 1
