"""What is done now and then."""

from collections.abc import Iterator

import pytest

from broker.audit.housekeeping import Housekeeping
from broker.errors import LogUnavailable
from tests.audit.test_refusals import refuse
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, failing
from tests.support.deadline import eventually
from tests.support.records import Book


@pytest.fixture
def housekeeping(book: Book) -> Iterator[Housekeeping]:
    housekeeping = Housekeeping(book.database, book.orphans, book.refusals, interval_s=0.02)
    yield housekeeping
    housekeeping.stop()


def test_starting_closes_what_a_process_before_left_open(book: Book, clock: HandClock) -> None:
    book.begin()
    clock.advance(5000)
    housekeeping = Housekeeping(book.database, book.orphans, book.refusals)
    housekeeping.start()
    assert book.events() == ["T100I", "T104W"]
    housekeeping.stop()


def test_orphans_are_found_on_a_beat(book: Book, clock: HandClock, housekeeping: Housekeeping) -> None:
    housekeeping.start()
    book.begin()
    clock.advance(5000)
    assert eventually(lambda: book.events() == ["T100I", "T104W"])


def test_a_jammed_store_is_opened_anew_on_a_beat(book: Book, housekeeping: Housekeeping) -> None:
    with failing(book.database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        book.begin()
    housekeeping.start()
    assert eventually(book.database.healthy)
    book.issue()


def test_stopping_sums_up_what_was_not_recorded_singly(book: Book) -> None:
    housekeeping = Housekeeping(book.database, book.orphans, book.refusals)
    housekeeping.start()
    refuse(book, 8)
    housekeeping.stop()
    assert book.last()["fields"]["count"] == 3


def test_a_store_that_refuses_ends_neither_start_nor_stop(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(book, 8)
    book.database.close()
    housekeeping = Housekeeping(book.database, book.orphans, book.refusals)
    housekeeping.start()
    housekeeping.stop()
    assert "could not be swept" in caplog.text
    assert "sums of refusals are not on record" in caplog.text
