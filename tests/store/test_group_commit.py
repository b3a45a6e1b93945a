"""Threads that write at the same time share a transaction, and each learns what became of its own."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.jobs import Job
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.queue import TOGETHER
from broker.store.transaction import Transaction
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When, failing
from tests.support.deadline import eventually
from tests.support.log_keys import LOG_KEYS
from tests.support.writers import Work, enter, held_up, together, transactions

HOLDERS = "BEGIN"
"""Of the thread that held up the others, and committed nothing."""
ONE = ("BEGIN", "COMMIT")
"""One transaction."""


def appending(number: int) -> Work:
    """Append one record that names its writer; give that number back."""

    def work(transaction: Transaction) -> int:
        transaction.append([Record(Event.PROCESS_STARTED, {"number": number})])
        return number

    return work


def ending(error: BaseException) -> Work:
    """Append one record, then end otherwise."""

    def work(transaction: Transaction) -> None:
        transaction.append([Record(Event.PROCESS_STARTED, {"number": -1})])
        raise error

    return work


def breaking(transaction: Transaction) -> None:
    """Ask for what this store cannot do."""
    transaction.connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")


def numbers(database: Database) -> list[int]:
    """Who appended, in the order of the log, whose positions have no gap."""
    leaves = StoredLog(database).leaves(0, 1000)
    assert [leaf.seq for leaf in leaves] == list(range(len(leaves)))
    return [int(leaf.content.partition(b'"number":')[2].partition(b"}")[0]) for leaf in leaves]


def results(ends: "list[Future[Any]]") -> list[object]:
    """What each thread was given, or the name of what was raised."""
    return [type(error).__name__ if (error := end.exception()) else end.result() for end in ends]


def test_those_who_wait_share_one_transaction_and_all_of_them_are_durable(
    database: Database, place: StoreLocation, clock: HandClock
) -> None:
    with transactions(database) as tried:
        assert results(together(database, *map(appending, range(10)))) == list(range(10))
    assert tried == [HOLDERS, *ONE]
    other = Database.open(place, clock, LOG_KEYS)
    assert numbers(other) == list(range(10))
    other.close()


@pytest.mark.parametrize("error", [Refused(Reason.IDEMPOTENCY_RUNNING), ZeroDivisionError()], ids=repr)
def test_what_one_of_them_raises_undoes_its_own_alone(database: Database, error: Exception) -> None:
    ends = together(database, appending(0), ending(error), appending(2))
    assert results(ends) == [0, type(error).__name__, 2]
    assert ends[1].exception() is error
    assert numbers(database) == [0, 2]


def test_a_record_that_was_undone_is_not_missed_when_the_store_is_reopened(database: Database) -> None:
    together(database, appending(0), ending(Refused(Reason.IDEMPOTENCY_RUNNING)))
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        database.write(Reserve.NONE, appending(1))
    database.reopen()
    assert numbers(database) == [0]


def test_where_the_store_fails_for_one_each_is_tried_alone(database: Database) -> None:
    with transactions(database) as tried:
        got = results(together(database, appending(0), breaking, appending(2)))
    assert got == [0, "LogUnavailable", 2]
    assert tried == [HOLDERS, "BEGIN", *ONE, "BEGIN", *ONE]
    assert numbers(database) == [0, 2]


def test_what_was_refused_beside_a_write_that_failed_is_decided_anew(database: Database) -> None:
    """The key that the first took is free again once nothing of the first stays."""
    taken: list[int] = []

    def takes(transaction: Transaction) -> None:
        taken.append(1)
        if len(taken) > 1:
            breaking(transaction)

    def wants(transaction: Transaction) -> int:
        if len(taken) == 1:
            raise Refused(Reason.IDEMPOTENCY_RUNNING)
        return int(appending(7)(transaction))

    assert results(together(database, takes, wants, breaking)) == ["LogUnavailable", 7, "LogUnavailable"]
    assert numbers(database) == [7]


def test_a_store_that_begins_no_transaction_is_asked_once_for_all(database: Database) -> None:
    with failing(database, "BEGIN", NOT_PERSISTED, after=1), transactions(database) as tried:
        ends = together(database, *map(appending, range(3)))
    assert results(ends) == ["LogUnavailable"] * 3
    assert tried == [HOLDERS, "BEGIN"]
    assert database.write(Reserve.NONE, appending(4)) == 4
    assert numbers(database) == [4]


@pytest.mark.parametrize(("when", "there"), [(NOT_PERSISTED, []), (PERSISTED, [0, 2])])
def test_a_commit_that_fails_is_unknown_to_all_of_them_and_nothing_is_taken_until_reopened(
    database: Database, when: When, there: list[int]
) -> None:
    refusal = Refused(Reason.IDEMPOTENCY_RUNNING)
    with failing(database, "COMMIT", when):
        ends = together(database, appending(0), ending(refusal), appending(2))
    assert results(ends) == ["LogUnavailable", "Refused", "LogUnavailable"]
    assert "not known" in str(ends[0].exception())
    assert not database.healthy()
    with pytest.raises(LogUnavailable, match="not known"):
        database.write(Reserve.NONE, appending(3))
    database.reopen()
    assert numbers(database) == there


def test_a_commit_that_fails_for_one_tried_alone_ends_those_behind_it(database: Database) -> None:
    with failing(database, "COMMIT", NOT_PERSISTED):
        ends = together(database, breaking, appending(1), appending(2))
    assert ["not known" in str(end.exception()) for end in ends] == [False, True, True]
    database.reopen()
    assert numbers(database) == []


def test_the_disk_reserve_keeps_out_each_by_its_own_measure(path: Path, clock: HandClock) -> None:
    full = Database.open(path, clock, LOG_KEYS, disk_reserve_mib=10**9)
    with ThreadPoolExecutor(3) as threads:
        with held_up(full):
            ends = [enter(threads, full, appending(n), reserve) for n, reserve in enumerate(Reserve)]
        assert results(ends) == ["LogUnavailable", "LogUnavailable", 2]
    assert numbers(full) == [2]
    full.close()


def test_they_are_written_in_the_order_of_their_coming_and_led_by_the_first_of_each_transaction(
    database: Database,
) -> None:
    """So nobody waits for more than what came before, and nobody writes for others without end."""
    done: list[tuple[int, int]] = []

    def work(number: int) -> Work:
        def noted(_: Transaction) -> int:
            done.append((threading.get_ident(), number))
            return threading.get_ident()

        return noted

    count = 2 * TOGETHER + 10
    with transactions(database) as tried:
        ends = together(database, *map(work, range(count)))
    assert [number for _, number in done] == list(range(count))
    assert tried.count("COMMIT") == 3
    leads = [(leader, len(list(led))) for leader, led in groupby(leader for leader, _ in done)]
    assert [size for _, size in leads] == [TOGETHER, TOGETHER, 10]
    assert len({leader for leader, _ in leads}) == 3
    assert len(ends) == count


def test_who_gets_no_turn_in_time_leaves_and_its_work_is_never_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(2) as threads, held_up(database):
        with monkeypatch.context() as hurry:
            hurry.setattr("broker.store.database._TURN_S", 0.05)
            impatient = threads.submit(database.write, Reserve.NONE, appending(0))
            assert "no turn" in str(impatient.exception(10))
        patient = enter(threads, database, appending(1), Reserve.NONE)
    assert patient.result() == 1
    assert numbers(database) == [1]


def test_who_is_being_served_when_its_patience_ends_waits_for_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    outwaited = threading.Event()
    wait = Job.wait

    def noted(job: Job, seconds: float) -> bool:
        if seconds < 0:
            outwaited.set()
        return wait(job, seconds)

    monkeypatch.setattr(Job, "wait", noted)

    def slow(_: Transaction) -> bool:
        return outwaited.wait(20)

    with ThreadPoolExecutor(2) as threads:
        with held_up(database):
            leading = enter(threads, database, slow, Reserve.NONE)
            monkeypatch.setattr("broker.store.database._TURN_S", 0.3)
            served = enter(threads, database, appending(1), Reserve.NONE)
        assert results([leading, served]) == [True, 1]
    assert numbers(database) == [1]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_an_interruption_comes_out_where_it_struck_and_leaves_nothing_of_the_others(
    database: Database, interruption: BaseException
) -> None:
    ends = together(database, appending(0), ending(interruption), appending(2))
    assert ends[0].exception() is interruption, "the first leads, in its thread it struck"
    assert ["interrupted" in str(end.exception()) for end in ends[1:]] == [True, True]
    assert database.write(Reserve.NONE, appending(3)) == 3
    assert numbers(database) == [3]


@contextmanager
def interrupted(strike: Callable[[], object]) -> Iterator[None]:
    """SIGUSR1 calls `strike` in the main thread, then interrupts it, whatever it is doing."""

    def handler(*_: object) -> None:
        strike()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_thread_interrupted_while_it_waits_leaves_and_its_work_is_never_done(database: Database) -> None:
    def signal_when_waiting() -> None:
        assert eventually(lambda: bool(database._queue._waiting))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    with ThreadPoolExecutor(2) as threads, held_up(database):
        with interrupted(lambda: None):
            threads.submit(signal_when_waiting)
            database.write(Reserve.NONE, appending(0))
        behind = enter(threads, database, appending(1), Reserve.NONE)
    assert behind.result() == 1
    assert numbers(database) == [1]


def test_a_thread_interrupted_when_the_lead_has_come_to_it_hands_it_on(database: Database) -> None:
    with ThreadPoolExecutor(2) as threads, held_up(database) as release:

        def strike() -> None:
            first, *_ = database._queue._waiting
            release.set()
            assert eventually(lambda: first.leads)

        def follow_and_signal() -> int:
            assert eventually(lambda: bool(database._queue._waiting))
            follower = enter(threads, database, appending(1), Reserve.NONE)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            return int(follower.result())

        with interrupted(strike):
            following = threads.submit(follow_and_signal)
            database.write(Reserve.NONE, appending(0))
        assert following.result() == 1
    assert numbers(database) == [1]
