"""The threads that serve: they take what is due, outlive what fails, and know for whom they work."""

import logging
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event, Thread

import pytest

from broker.clock import SystemClock
from broker.server.lanes import BUSY
from broker.server.threads import FairThreads


@pytest.fixture
def threads() -> Iterator[FairThreads]:
    threads = FairThreads(4, SystemClock().monotonic)
    threads.start()
    yield threads
    threads.shutdown(wait=True)


def test_work_is_done_for_its_lane(threads: FairThreads) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    for lane in ("a", "b"):
        threads.put(lane, lambda: told.put(threads.whose()))
    assert {told.get(timeout=10), told.get(timeout=10)} == {"a", "b"}
    assert threads.whose() == ""


def test_a_thread_outlives_what_fails(threads: FairThreads, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("canary")

    for _ in range(8):
        threads.put("a", fail)
    done = Event()
    threads.put("a", done.set)
    assert done.wait(10)
    assert "ValueError" in caplog.text
    assert "canary" not in caplog.text


def test_who_waits_aside_lets_others_of_its_lane_go_on(threads: FairThreads) -> None:
    beside, freed, done = Event(), Event(), Event()

    def wait() -> None:
        with threads.aside(), threads.aside():
            assert freed.wait(10)
        done.set()

    threads.put("b", lambda: None)
    threads.put("a", wait)
    threads.put("a", beside.set)
    assert beside.wait(10)
    freed.set()
    assert done.wait(10)


def test_standing_aside_means_nothing_to_other_threads(threads: FairThreads) -> None:
    with threads.aside():
        pass


def test_a_request_that_found_no_room_knows_it(threads: FairThreads) -> None:
    told: SimpleQueue[bool] = SimpleQueue()
    for lane in (BUSY, "a"):
        threads.put(lane, lambda: told.put(threads.turns_away()))
    assert {told.get(timeout=10), told.get(timeout=10)} == {True, False}


def test_what_is_queued_at_the_end_is_not_done(
    threads: FairThreads, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    begun, go, never = Event(), Event(), Event()

    def hold() -> None:
        begun.set()
        assert go.wait(10)

    for _ in range(4):
        threads.put("a", hold)
    threads.put("a", never.set)
    assert begun.wait(10)
    threads.shutdown(wait=False)
    go.set()
    threads.shutdown(wait=True)
    assert not never.is_set()
    assert caplog.text == ""


def test_a_helper_computes_for_the_lane_that_it_helps(threads: FairThreads) -> None:
    helped, over = Event(), Event()

    def serve() -> None:
        assert over.wait(10)

    threads.put("a", serve)

    def help_it() -> None:
        with threads.helping("a"):
            assert threads.whose() == "a"
            helped.set()
        assert threads.whose() == ""

    Thread(target=help_it).start()
    assert helped.wait(10)
    over.set()
