"""Attempts that nobody finished."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from broker.errors import Refused
from broker.model.stores import StoreLocation
from tests.support.clock import HandClock
from tests.support.records import DEADLINE_S, GRACE_S, KEY, Book, issued, open_book


def test_an_attempt_is_left_alone_until_its_deadline_and_grace_are_over(book: Book, clock: HandClock) -> None:
    book.begin()
    clock.advance(DEADLINE_S + GRACE_S - 0.001)
    assert book.orphans.run() == 0
    clock.advance(0.001)
    assert book.orphans.run() == 1
    assert book.orphans.run() == 0


def test_an_orphan_is_unknown_with_an_exposure_that_outlives_any_ticket_of_it(
    book: Book, clock: HandClock
) -> None:
    attempt, intent = book.begin()
    began = clock.now()
    clock.advance(5000)
    book.orphans.run()
    fields = book.last()["fields"]
    assert book.last()["event"] == "ticket_unknown"
    assert fields["reason"] == "recovered_orphan"
    assert fields["exposure_from"] == "2026-11-23T12:00:00.000Z"
    assert fields["exposure_until"] == "2026-11-23T12:03:00.000Z"
    assert (fields["issuance"], fields["attempt"]) == (attempt.issuance, 1)
    assert (fields["app"], fields["grant"], fields["host"]) == (intent.app, intent.grant, intent.host_name)
    view = book.issuances.one(intent.app, attempt.issuance)
    assert view is not None
    assert (view.state, view.reason) == ("unknown", "recovered_orphan")
    assert view.exposure_until == began + timedelta(seconds=DEADLINE_S + 120)


def test_an_orphan_lets_go_of_its_idempotency_key(book: Book, clock: HandClock) -> None:
    first, _ = book.begin(KEY)
    with pytest.raises(Refused):
        book.begin(KEY)
    clock.advance(5000)
    book.orphans.run()
    second, intent = book.begin(KEY)
    assert second.issuance == intent.issuance != first.issuance


def test_an_orphaned_reissue_leaves_the_ticket_before_it_issued(book: Book, clock: HandClock) -> None:
    first = book.issue(KEY)
    book.begin(KEY)
    clock.advance(5000)
    book.orphans.run()
    view = book.issuances.one(None, first.issuance)
    assert view is not None
    assert (view.state, view.attempts) == ("issued", 2)
    assert view.exposure_until == HandClock().now() + timedelta(seconds=DEADLINE_S + 120)
    assert book.issue(KEY).number == 3


def test_what_ended_is_no_orphan(book: Book, clock: HandClock) -> None:
    book.issue()
    clock.advance(5000)
    assert book.orphans.run() == 0
    assert book.events() == ["T100I", "T101I"]


def test_several_processes_close_each_orphan_once(book: Book, place: StoreLocation, clock: HandClock) -> None:
    for _ in range(250):
        book.begin()
    clock.advance(5000)
    others = [open_book(place, clock) for _ in range(3)]
    with ThreadPoolExecutor(4) as threads:
        closed = list(threads.map(lambda b: b.orphans.run(), [book, *others]))
    assert sum(closed) == 250
    assert book.events().count("T104W") == 250
    for other in others:
        other.database.close()


def test_a_paused_process_that_wakes_meets_the_outcome_that_was_written_for_it(
    book: Book, place: StoreLocation, clock: HandClock
) -> None:
    attempt, intent = book.begin()
    clock.advance(5000)
    other = open_book(place, clock)
    other.orphans.run()
    other.database.close()
    with pytest.raises(Refused):
        book.ledger.conclude(attempt, intent, issued(clock))
    assert book.events() == ["T100I", "T104W", "T105W"]
