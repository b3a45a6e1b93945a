"""Clocks that are wrong: the order of the log is that of its positions, whatever the records say of time."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.whole_log import check_released, check_tree

HOUR_S, YEAR_S, SKEW_S = 3600, 365 * 86400, 10


def append(database: Database, number: int) -> str:
    """The checkpoint after it."""
    record = Record(Event.PROCESS_STARTED, {"number": number})
    committed = database.commit(Reserve.NONE, lambda transaction: transaction.append([record]))
    return committed.receipt(committed.result[0]).checkpoint


def numbers(database: Database, first: int = 0) -> list[int]:
    leaves = StoredLog(database).leaves(first, 1000)
    return [int(leaf.content.partition(b'"number":')[2].partition(b"}")[0]) for leaf in leaves]


@pytest.mark.parametrize("seconds", [-HOUR_S, YEAR_S])
def test_a_clock_that_is_set_changes_no_order(database: Database, clock: HandClock, seconds: int) -> None:
    released = [append(database, number) for number in range(3)]
    clock.correct(seconds)
    released += [append(database, number) for number in range(3, 6)]
    assert numbers(database) == list(range(6))
    assert check_tree(database) == 6
    check_released(database, released)


@pytest.fixture
def ahead(database: Database, place: StoreLocation, clock: HandClock) -> Iterator[Database]:
    """Of another process, whose clock is ahead."""
    other = Database.open(place, HandClock(clock.now() + timedelta(seconds=SKEW_S)), LOG_KEYS)
    yield other
    other.close()


def test_processes_whose_clocks_differ_share_one_order(database: Database, ahead: Database) -> None:
    released = [append((database, ahead)[number % 2], number) for number in range(8)]
    assert numbers(database) == numbers(ahead) == list(range(8))
    check_tree(database)
    check_released(database, released)


def test_who_reads_from_a_time_on_misses_nothing_of_it(
    database: Database, ahead: Database, clock: HandClock
) -> None:
    """The one ahead came first: a search that took times for sorted would end behind it."""
    for number in range(6):
        append((ahead, database)[number % 2], number)
    log, now = StoredLog(database), clock.now()
    assert [log.position_at(now + timedelta(seconds=s)) for s in (0, 1, SKEW_S, SKEW_S + 1)] == [0, 0, 0, 6]
    clock.advance(1)
    append(database, 6)
    assert numbers(database, log.position_at(now + timedelta(seconds=1)))[-1] == 6
