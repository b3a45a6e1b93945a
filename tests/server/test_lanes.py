"""Who computes next: few threads at a time, each app in its turn, and none at the cost of all others."""

import pytest

from broker.server.lanes import ARRIVALS, AT_ONCE, LAPSE_S, LaneFull, Roster
from tests.support.clock import HandClock

THREADS = 16
FREE_FOR_OTHERS = 2


class Shift:
    """A roster whose threads are numbers, and whose work is the name of its lane with a count.

    There is always a thread that idles, unless the roster says that none may begin.
    """

    def __init__(self, threads: int = THREADS, at_once: int = 1) -> None:
        self.clock = HandClock()
        self.roster = Roster(threads, self.clock.monotonic, at_once)
        self._did: list[str] = []
        self._idle = 1

    def queue(self, *lanes: str) -> None:
        for number, lane in enumerate(lanes):
            self.roster.put(lane, lambda what=f"{lane}{number}": self._did.append(what))  # type: ignore[misc]

    def go(self) -> int | None:
        """Let whoever's turn it is compute; its number."""
        turn = self.roster.next(self._idle)
        if turn is None:
            return None
        if turn.work is None:
            self._did.append(f"on {turn.thread}")
        else:
            assert turn.thread == self._idle
            self._idle += 1
            turn.work()
        return turn.thread

    def begin(self) -> int:
        """As `go`, where somebody's turn it is."""
        thread = self.go()
        assert thread is not None
        return thread

    def wait_for(self, lane: str, number: int) -> list[int]:
        """So many threads that work for the lane and stand aside."""
        threads = []
        for _ in range(number):
            self.queue(lane)
            threads.append(self.begin())
            assert self.roster.aside(threads[-1])
        self._did.clear()
        return threads

    @property
    def did(self) -> list[str]:
        done, self._did = self._did, []
        return done


@pytest.fixture
def shift() -> Shift:
    return Shift()


def test_lanes_take_turns_and_each_keeps_its_own_order(shift: Shift) -> None:
    shift.queue("a", "a", "a", "b", "c", "b")
    for _ in range(6):
        shift.roster.done(shift.begin())
    assert shift.did == ["a0", "b3", "c4", "a1", "b5", "a2"]


@pytest.mark.parametrize("at_once", [1, AT_ONCE])
def test_so_many_threads_compute_at_a_time(at_once: int) -> None:
    shift = Shift(at_once=at_once)
    shift.queue(*["a", "b"] * at_once)
    first, *_ = [shift.begin() for _ in range(at_once)]
    assert shift.go() is None
    shift.roster.done(first)
    assert shift.go() is not None


def test_while_one_stands_aside_another_computes_and_it_goes_on_when_that_is_done(shift: Shift) -> None:
    shift.queue("a", "a")
    first = shift.begin()
    assert shift.roster.aside(first)
    second = shift.begin()
    shift.roster.back(first)
    assert shift.go() is None
    shift.roster.done(second)
    assert shift.go() == first
    assert shift.did == ["a0", "a1", f"on {first}"]


def test_what_is_begun_goes_before_what_is_not(shift: Shift) -> None:
    (waited,) = shift.wait_for("a", 1)
    shift.queue("a")
    shift.roster.back(waited)
    assert shift.go() == waited


def test_who_goes_on_takes_its_lanes_turn(shift: Shift) -> None:
    """However many requests an app has under way, between two steps of them another's comes."""
    waited = shift.wait_for("a", 3)
    for each in waited:
        shift.roster.back(each)
    shift.queue("b", "b")
    for _ in range(5):
        shift.roster.done(shift.begin())
    first, second, third = waited
    assert shift.did == [f"on {first}", "b0", f"on {second}", "b1", f"on {third}"]


def test_standing_aside_twice_is_standing_aside(shift: Shift) -> None:
    shift.queue("a")
    thread = shift.begin()
    assert [shift.roster.aside(thread), shift.roster.aside(thread)] == [True, False]
    assert not shift.roster.aside(999)


def test_who_computes_for_too_long_is_taken_to_wait(shift: Shift) -> None:
    shift.queue("a", "a")
    stuck = shift.begin()
    shift.clock.advance(LAPSE_S)
    other = shift.begin()
    shift.roster.done(stuck)
    assert shift.go() is None, "the other computes"
    shift.roster.done(other)


def test_who_was_taken_to_wait_awaits_its_turn_after_the_next_real_wait(shift: Shift) -> None:
    shift.queue("a", "a")
    stuck = shift.begin()
    shift.clock.advance(LAPSE_S)
    other = shift.begin()
    assert shift.roster.aside(stuck)
    shift.roster.back(stuck)
    assert shift.go() is None
    shift.roster.done(other)
    assert shift.go() == stuck


def test_without_an_idle_thread_only_what_is_begun_goes_on(shift: Shift) -> None:
    (waited,) = shift.wait_for("a", 1)
    shift.queue("b")
    assert shift.roster.next(None) is None
    shift.roster.back(waited)
    turn = shift.roster.next(None)
    assert turn is not None
    assert turn.thread == waited


def test_the_last_threads_are_for_lanes_that_hold_none(shift: Shift) -> None:
    shift.wait_for("a", THREADS - FREE_FOR_OTHERS)
    shift.queue("a")
    assert shift.go() is None
    shift.wait_for("b", 1)
    shift.wait_for("c", 1)
    shift.queue("d")
    assert shift.did == []


def test_a_thread_that_is_done_serves_the_lane_that_waited(shift: Shift) -> None:
    first, *_ = shift.wait_for("a", THREADS - FREE_FOR_OTHERS)
    shift.queue("a")
    shift.roster.back(first)
    shift.roster.done(shift.begin())
    assert shift.go() is not None


@pytest.mark.parametrize(("threads", "held"), [(1, 1), (2, 1), (4, 3)])
def test_few_threads_leave_one_for_others_and_a_single_one_serves_all(threads: int, held: int) -> None:
    shift = Shift(threads)
    shift.wait_for("a", held)
    shift.queue("a")
    assert shift.go() is None
    shift.queue("b")
    assert (shift.go() is not None) == (threads > held)


def test_a_lane_has_room_for_so_many_and_another_has_its_own(shift: Shift) -> None:
    shift.queue(*["a"] * 8 * THREADS)
    with pytest.raises(LaneFull):
        shift.queue("a")
    shift.queue("b")


def test_there_is_room_for_all_connections(shift: Shift) -> None:
    shift.queue(*[ARRIVALS] * 2000)
    assert shift.roster.waits()


def test_it_is_known_for_whom_a_thread_works_and_whether_anything_waits(shift: Shift) -> None:
    shift.queue("a")
    assert shift.roster.waits()
    thread = shift.begin()
    assert shift.roster.lane_of(thread) == "a"
    assert not shift.roster.waits()
    shift.roster.aside(thread)
    shift.roster.back(thread)
    assert shift.roster.waits()
    shift.roster.done(shift.begin())
    assert shift.roster.lane_of(thread) is None
    assert not shift.roster.waits()


HELPER = 1001


def test_a_helper_takes_its_lanes_turns(shift: Shift) -> None:
    (served,) = shift.wait_for("a", 1)
    shift.queue("b")
    other = shift.begin()
    shift.roster.help(HELPER, "a")
    assert shift.roster.lane_of(HELPER) == "a"
    assert shift.go() is None, "another computes"
    shift.roster.done(other)
    assert shift.go() == HELPER

    assert shift.roster.aside(HELPER)
    shift.roster.back(served)
    assert shift.go() == served
    shift.roster.back(HELPER)
    shift.roster.aside(served)
    assert shift.go() == HELPER
    shift.roster.helped(HELPER)
    assert shift.roster.lane_of(HELPER) is None
