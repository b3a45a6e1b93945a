"""What is done now and then."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.audit.housekeeping import Housekeeping
from broker.errors import LogUnavailable, Reason, Refused
from broker.model.names import AppId
from broker.store.replay import StoredReplayGuard
from broker.store.tables import used_assertion
from tests.audit.test_refusals import refuse
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, failing
from tests.support.deadline import eventually
from tests.support.issuing import CALLER
from tests.support.records import RATE, Book, open_book


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


ENDLESS_MIB = 2**40
"""A reserve that no disk has left."""


def assertions(book: Book) -> int:
    """How many used assertions the store remembers."""
    return book.database.read(lambda c: len(c.execute(select(used_assertion)).all()))


def test_below_the_reserve_of_the_disk_rows_still_expire_and_orphans_still_end(
    path: Path, book: Book, clock: HandClock
) -> None:
    book.begin()
    StoredReplayGuard(book.database).first_use(AppId("nagios"), "jti", clock.now() + timedelta(minutes=1))
    full = open_book(path, clock, disk_reserve_mib=ENDLESS_MIB)
    for _ in range(RATE.count + 1):
        with pytest.raises(LogUnavailable):
            full.ledger.refuse(full.request(), CALLER, Refused(Reason.DRIFTED), "revision-1")
    clock.advance(2 * 3600)
    with pytest.raises(LogUnavailable, match="reserve"):
        Housekeeping(full.database, full.orphans, full.refusals).sweep()
    assert assertions(full) == 0
    assert full.events() == ["T100I", "T104W"]
    full.database.close()


def test_one_budget_that_the_store_refuses_keeps_no_other_from_its_sums(
    path: Path, book: Book, clock: HandClock
) -> None:
    full = open_book(path, clock)
    refuse(book, 8)
    refuse(full, 8, app=AppId("other"))
    full.database.close()
    housekeeping = Housekeeping(book.database, book.orphans, full.refusals, book.refusals)
    housekeeping.start()
    housekeeping.stop()
    assert book.last()["fields"]["app"] == "nagios"
