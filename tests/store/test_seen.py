"""A log that goes back or becomes another under a running process is noticed before its next record."""

import pytest

from broker.errors import LogUnavailable, Trouble
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS

STARTED = Record(Event.PROCESS_STARTED, {"kind": "serve"})


def append(database: Database, count: int = 1) -> None:
    StoredLog(database).append([STARTED] * count, Reserve.NONE)


def go_back(database: Database) -> None:
    """To an empty log, as a restored copy is from before any record."""

    def work(connection: object) -> None:
        connection.exec_driver_sql("DELETE FROM record")  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE head SET size = 0, frontier = ''")  # type: ignore[attr-defined]

    database.write(Reserve.NONE, lambda transaction: work(transaction.connection))


def refusal(database: Database) -> str:
    with pytest.raises(LogUnavailable) as raised:
        append(database)
    assert raised.value.trouble is Trouble.LOG_ROLLED_BACK
    return raised.value.detail


def test_a_log_that_went_back_is_noticed_by_who_wrote_it(database: Database) -> None:
    append(database, 4)
    go_back(database)
    assert "went back from 4 records to 0" in refusal(database)


def test_a_log_that_went_back_and_on_again_is_noticed(place: StoreLocation, database: Database) -> None:
    append(database, 4)
    go_back(database)
    other = Database.open(place, HandClock(), LOG_KEYS)
    append(other, 4)
    assert "another than it was at 4 records" in refusal(database)
    append(other, 4)
    assert "another than it was at 4 records" in refusal(database)
    other.close()


def test_a_process_that_only_looked_notices_it_too(place: StoreLocation, database: Database) -> None:
    idle = Database.open(place, HandClock(), LOG_KEYS)
    append(database, 2)
    assert idle.look().frontier.size == 2
    go_back(database)
    with pytest.raises(LogUnavailable, match="went back from 2 records to 0"):
        idle.look()
    trouble = idle.trouble()
    assert trouble is not None
    assert trouble.trouble is Trouble.LOG_ROLLED_BACK
    idle.close()


def test_what_others_append_is_no_reason_to_stop(place: StoreLocation, database: Database) -> None:
    other = Database.open(place, HandClock(), LOG_KEYS)
    for count in (1, 3, 2):
        append(other, count)
        append(database)
        assert database.look().frontier.size == other.look().frontier.size
    other.close()
