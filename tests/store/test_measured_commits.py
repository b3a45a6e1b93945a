"""Each commit is told to whoever measures, with the records that it made durable."""

from collections.abc import Iterator

import pytest

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.transaction import Transaction
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, failing, watched
from tests.support.log_keys import LOG_KEYS
from tests.support.writers import Work, together


class Told:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.commits: list[tuple[int, float]] = []
        self.lost = 0

    def committed(self, records: int, seconds: float) -> None:
        self.commits.append((records, seconds))

    def commit_lost(self) -> None:
        self.lost += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def database(place: StoreLocation, clock: HandClock, told: Told) -> Iterator[Database]:
    database = Database.open(place, clock, LOG_KEYS, 0, told)
    yield database
    database.close()


def appending(count: int) -> Work:
    def work(transaction: Transaction) -> None:
        transaction.append([Record(Event.PROCESS_STARTED, {"number": n}) for n in range(count)])

    return work


def ending(transaction: Transaction) -> None:
    appending(1)(transaction)
    raise Refused(Reason.LATE_RESULT)


def test_a_commit_is_told_with_its_records(database: Database, told: Told) -> None:
    for count in (1, 3, 0):
        database.write(Reserve.NONE, appending(count))
    assert [records for records, _ in told.commits] == [1, 3, 0]


def test_writes_that_share_a_commit_are_one(database: Database, told: Told) -> None:
    together(database, appending(1), appending(2), appending(0))
    assert [records for records, _ in told.commits] == [3]


def test_records_that_were_undone_do_not_count(database: Database, told: Told) -> None:
    first, *_ = together(database, ending, appending(1), ending, appending(1), ending)
    assert isinstance(first.exception(), Refused)
    assert [records for records, _ in told.commits] == [2]


def test_the_time_that_commit_took_is_told(database: Database, told: Told, clock: HandClock) -> None:
    def slow(statement: str) -> None:
        if statement.startswith("COMMIT"):
            clock.advance(0.25)

    with watched(database, NOT_PERSISTED, slow):
        database.write(Reserve.NONE, appending(1))
    assert told.commits == [(1, 0.25)]


def test_a_commit_whose_end_is_not_known_is_told_as_lost(database: Database, told: Told) -> None:
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        database.write(Reserve.NONE, appending(1))
    assert (told.commits, told.lost) == ([], 1)
