"""What the arbiter knows of its workers, and what it decides on that."""

import os

import pytest

from broker.server.crew import Crew, Pause, Wire, Word
from broker.server.rolling import Done, End, Halted, RollingRestart
from tests.support.clock import HandClock


def crew_of(*workers: int) -> Crew:
    """All there, built and ready."""
    crew = Crew(len(workers))
    for worker in workers:
        arrive(crew, worker)
    return crew


def arrive(crew: Crew, worker: int) -> None:
    crew.join(worker)
    crew.hear(worker, Word.BUILT)
    crew.hear(worker, Word.READY)


def test_a_wire_takes_every_word_of_every_worker_in_order() -> None:
    wire = Wire()
    assert list(wire.heard()) == []
    for word in (Word.BUILT, Word.READY):
        wire.tell(word)
    assert list(wire.heard()) == [(os.getpid(), Word.BUILT), (os.getpid(), Word.READY)]
    assert list(wire.heard()) == []


def test_a_crew_is_whole_once_all_are_built() -> None:
    crew = Crew(2)
    assert not crew.whole
    for worker in (11, 12):
        crew.join(worker)
    crew.hear(11, Word.BUILT)
    assert (crew.whole, crew.starting, crew.served) == (False, True, True)
    crew.hear(12, Word.BUILT)
    assert (crew.whole, crew.starting, crew.workers) == (True, False, (11, 12))


def test_a_worker_that_ends_before_it_is_built_is_lost_and_one_that_served_is_not() -> None:
    crew = crew_of(11, 12)
    crew.keep([12])
    assert (crew.lost, crew.whole) == (0, False)
    crew.join(13)
    crew.keep([12])
    assert (crew.lost, crew.workers) == (1, (12,))


def test_a_word_that_comes_after_its_workers_end_changes_nothing() -> None:
    crew = crew_of(11)
    crew.keep([])
    crew.hear(11, Word.READY)
    assert (crew.workers, crew.ready(11)) == ((), False)


def test_a_pause_grows_with_each_failure_up_to_its_bound_and_a_success_ends_it() -> None:
    pause = Pause(first_s=1, most_s=5)
    assert not pause.lasts(0)
    assert [pause.begin(10) for _ in range(5)] == [1, 2, 4, 5, 5]
    assert (pause.lasts(14.9), pause.lasts(15)) == (True, False)
    pause.end()
    assert not pause.lasts(11)
    assert pause.begin(20) == 1


def test_workers_end_one_after_the_other_each_when_the_one_before_is_replaced() -> None:
    crew = crew_of(11, 12)
    rolling = RollingRestart(crew, HandClock())
    assert (rolling.step(), rolling.step()) == (End(11), None)
    crew.keep([12])
    assert rolling.step() is None
    crew.join(21)
    assert rolling.step() is None
    crew.hear(21, Word.BUILT)
    assert rolling.step() is None
    crew.hear(21, Word.READY)
    assert (rolling.step(), rolling.told()) == (End(12), "2 of 2")
    crew.keep([21])
    arrive(crew, 22)
    assert rolling.step() == Done()


def test_a_worker_that_ended_by_itself_meanwhile_is_not_ended_again() -> None:
    crew = crew_of(11, 12)
    rolling = RollingRestart(crew, HandClock())
    assert rolling.step() == End(11)
    crew.keep([])
    for worker in (21, 22):
        arrive(crew, worker)
    assert rolling.step() == Done()


def test_it_halts_at_a_worker_that_cannot_start() -> None:
    crew = crew_of(11, 12)
    rolling = RollingRestart(crew, HandClock())
    rolling.step()
    crew.keep([12])
    crew.join(21)
    crew.keep([12])
    assert rolling.step() == Halted("a new worker could not start")


@pytest.mark.parametrize("words", [(Word.BUILT,), ()])
def test_it_halts_at_a_worker_that_never_gets_ready(words: tuple[Word, ...]) -> None:
    crew, clock = crew_of(11, 12), HandClock()
    rolling = RollingRestart(crew, clock, ready_within_s=60)
    rolling.step()
    clock.advance(1000)  # as long as the requests of the old one need
    assert rolling.step() is None
    crew.keep([12])
    crew.join(21)
    for word in words:
        crew.hear(21, word)
    assert rolling.step() is None
    clock.advance(60.1)
    assert rolling.step() == Halted("a new worker can issue no ticket after 60 s")


def test_old_workers_that_cannot_issue_hold_nobody_up() -> None:
    crew = Crew(2)
    for worker in (11, 12):
        crew.join(worker)
        crew.hear(worker, Word.BUILT)
    rolling = RollingRestart(crew, HandClock())
    rolling.step()
    crew.keep([12])
    arrive(crew, 21)
    assert rolling.step() == End(12)
