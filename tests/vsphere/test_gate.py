"""Turns at vCenters: in order, bounded, and taken from nobody by a vCenter that stalls."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event, Lock

import pytest

from broker.clock import SystemClock
from broker.errors import Reason, Refused
from broker.model.names import VcenterId
from broker.model.policy import Vcenter
from broker.vsphere.gate import Gate, Gates, Patience
from tests.support.clock import HandClock
from tests.support.deadline import eventually

PLACES = 4
ENDLESS = Patience(whole_s=60, headway_s=60, kept_s=60)


def entry(name: str, places: int = PLACES) -> Vcenter:
    return Vcenter(VcenterId(name), "vc.example.com", 443, Path("ca.pem"), places, 3.0, 6.0, 9)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def hold(gate: Gate, places: int, held: ExitStack) -> None:
    for _ in range(places):
        held.enter_context(gate.place())


def refused(gate: Gate) -> bool:
    try:
        with gate.place():
            return False
    except Refused as refusal:
        return refusal.reason is Reason.VCENTER_BUSY


def visit(gate: Gate, inside: Callable[[], object]) -> None:
    with gate.place():
        inside()


def test_a_vcenter_of_which_nothing_came_back_for_a_second_keeps_nobody_waiting(
    clock: HandClock, held: ExitStack
) -> None:
    gate = Gates(16, clock).of(entry("a"))
    hold(gate, PLACES, held)
    clock.advance(1.0)
    assert refused(gate)


def test_whoever_waits_goes_when_the_second_is_over(held: ExitStack) -> None:
    gate = Gates(16, SystemClock(), Patience(whole_s=60, headway_s=0.05)).of(entry("a"))
    hold(gate, PLACES, held)
    assert refused(gate)


def test_what_stood_idle_has_not_stalled(clock: HandClock, held: ExitStack) -> None:
    gate = Gates(16, clock).of(entry("a"))
    with gate.place():
        pass
    clock.advance(3600)
    hold(gate, PLACES - 1, held)
    assert not refused(gate)


def test_a_place_that_comes_back_is_headway(clock: HandClock, held: ExitStack) -> None:
    gate = Gates(16, clock).of(entry("a"))
    hold(gate, PLACES - 1, held)
    clock.advance(30)
    with gate.place():
        clock.advance(0.5)
    assert not refused(gate)


def test_turns_come_in_the_order_of_asking(pool: ThreadPoolExecutor) -> None:
    gate = Gates(16, HandClock(), ENDLESS).of(entry("a", places=1))
    came: list[int] = []
    asked: list[Future[None]] = []
    with gate.place():
        for number in range(5):
            asked.append(pool.submit(visit, gate, partial(came.append, number)))
            assert eventually(lambda: gate.waiting == len(asked))
    for each in asked:
        each.result(10)
    assert came == [0, 1, 2, 3, 4]


def test_only_so_many_wait(pool: ThreadPoolExecutor) -> None:
    gate = Gates(2, HandClock(), ENDLESS).of(entry("a", places=1))
    with gate.place():
        asked = [pool.submit(visit, gate, lambda: None) for _ in range(8)]
        assert eventually(lambda: gate.waiting == 8)
        assert refused(gate)
    for each in asked:
        each.result(10)


def test_a_lone_vcenter_has_all_its_places(clock: HandClock, held: ExitStack) -> None:
    gate = Gates(4, clock).of(entry("a", places=8))
    hold(gate, 8, held)
    clock.advance(1.0)
    assert refused(gate)


def test_vcenters_that_stall_leave_threads_to_the_others(clock: HandClock, held: ExitStack) -> None:
    gates = Gates(16, clock)
    slow, stuck, sound = (gates.of(entry(name, places=16)) for name in ("slow", "stuck", "sound"))
    hold(slow, 8, held)
    hold(stuck, 4, held)  # three quarters of all threads
    clock.advance(1.0)
    assert refused(slow)
    assert refused(stuck)
    assert not refused(sound)


def test_a_vcenter_below_its_share_of_what_is_kept_gets_a_place_at_once(
    clock: HandClock, held: ExitStack
) -> None:
    gates = Gates(16, clock)
    stuck, sound = gates.of(entry("stuck", places=16)), gates.of(entry("sound", places=16))
    hold(stuck, 12, held)
    clock.advance(1.0)
    hold(sound, 2, held)  # half of the four that are kept
    clock.advance(1.0)
    assert refused(sound)


def test_a_place_that_comes_back_may_let_another_vcenter_go_on(pool: ThreadPoolExecutor) -> None:
    gates = Gates(4, HandClock(), ENDLESS)
    one, other = gates.of(entry("one")), gates.of(entry("other"))
    begun = Event()
    with ExitStack() as held, other.place():
        hold(one, 2, held)
        asked = pool.submit(visit, other, begun.set)
        assert eventually(lambda: other.waiting == 1)
        assert not begun.is_set()
        held.pop_all().close()
        assert begun.wait(10)
    asked.result(10)


def test_who_waits_on_a_kept_thread_is_in_a_hurry(pool: ThreadPoolExecutor) -> None:
    clock = HandClock()
    gates = Gates(8, clock, Patience(whole_s=60, headway_s=60, kept_s=0.05))
    stuck = gates.of(entry("stuck"))
    gates.of(entry("sound"))
    with ExitStack() as places:
        hold(stuck, PLACES, places)
        at_ease = [pool.submit(refused, stuck) for _ in range(2)]
        assert eventually(lambda: stuck.waiting == 2)
        clock.advance(0.05)
        assert refused(stuck)
        assert not any(each.done() for each in at_ease)
    assert [each.result(10) for each in at_ease] == [False, False]


def test_what_another_thread_brings_is_not_waited_for_once_the_vcenter_stalls(
    clock: HandClock, held: ExitStack
) -> None:
    gate = Gates(16, clock).of(entry("a"))
    hold(gate, 1, held)
    gate.wait(lambda _: True)
    clock.advance(1.0)
    with pytest.raises(Refused) as refusal:
        gate.wait(lambda _: True)
    assert refusal.value.reason is Reason.VCENTER_BUSY


def test_a_free_lock_is_taken_even_so(clock: HandClock, held: ExitStack) -> None:
    gate, lock = Gates(16, clock).of(entry("a")), Lock()
    hold(gate, 1, held)
    clock.advance(1.0)
    gate.take(lock)
    with pytest.raises(Refused):
        gate.take(lock)


def test_a_changed_entry_has_another_gate_and_a_dropped_one_counts_no_more(
    clock: HandClock, held: ExitStack
) -> None:
    gates = Gates(4, clock)
    gate = gates.of(entry("a"))
    assert gates.of(entry("a")) is gate
    assert gates.of(entry("a", places=2)) is not gate
    hold(gates.of(entry("b")), 3, held)
    gates.keep({VcenterId("a")})
    hold(gates.of(entry("a", places=2)), 2, held)
