"""Reading back: records for auditors, issuances for apps, page by page."""

import pytest

from broker.errors import InvalidName, Reason, Refused
from broker.model.names import AppId, IssuanceId
from broker.ports.access import IssuanceView
from tests.support.clock import HandClock
from tests.support.issuing import CALLER
from tests.support.records import Book

OTHER = AppId("other")


def pages(book: Book, app: AppId | None, limit: int) -> list[tuple[IssuanceView, ...]]:
    read, cursor = [], None
    while True:
        page = book.issuances.page(app, cursor, limit)
        read.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return read


def test_records_come_in_order_with_their_position_and_their_envelope(book: Book, clock: HandClock) -> None:
    book.issue()
    clock.advance(1.5)
    book.issue()
    records = list(book.reading.records())
    assert [r["seq"] for r in records] == [0, 1, 2, 3]
    assert records[2]["ts"] == "2026-11-23T12:00:01.500Z"
    assert {r["boot"] for r in records} == {book.database.boot}
    assert {r["v"] for r in records} == {2}
    assert len({r["id"] for r in records}) == 4
    assert set(records[0]) == {"seq", "v", "id", "event", "code", "ts", "boot", "node", "fields"}


def test_reading_may_begin_anywhere_and_crosses_pages(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.audit.reading._PAGE", 3)
    for _ in range(4):
        book.issue()
    assert [r["seq"] for r in book.reading.records(2)] == [2, 3, 4, 5, 6, 7]
    assert book.reading.size() == 8
    assert list(book.reading.records(8)) == []


def test_an_issuance_has_its_own_records_only(book: Book) -> None:
    first, _ = book.issue(), book.issue()
    assert [r["code"] for r in book.reading.of_issuance(first.issuance)] == ["T100I", "T101I"]
    assert book.reading.of_issuance(book.request().issuance) == ()


def test_the_answer_of_a_refused_access_is_found_by_its_id(book: Book) -> None:
    answer = book.access.access_refused(None, Reason.UNAUTHENTICATED, "/v1/tickets", CALLER.origin)
    (record,) = book.reading.of_issuance(answer)
    assert record["fields"]["path"] == "/v1/tickets"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
def test_pages_show_every_issuance_once_newest_first(book: Book, limit: int) -> None:
    ids = [book.issue().issuance for _ in range(7)]
    read = pages(book, CALLER.app, limit)
    assert [view.issuance for page in read for view in page] == ids[::-1]
    assert all(len(page) == limit for page in read[:-1])


def test_what_was_refused_without_an_intent_shows_as_well(book: Book) -> None:
    request = book.request()
    book.ledger.refuse(request, CALLER, Refused(Reason.RATE_LIMITED), "revision-1")
    pending, _ = book.begin()
    states = [(v.issuance, v.state, v.attempts) for (v,) in pages(book, CALLER.app, 1)]
    assert states == [(pending.issuance, "pending", 1), (request.issuance, "refused", 0)]


def test_an_app_sees_nothing_of_another(book: Book) -> None:
    mine = book.issue()
    theirs, _ = book.begin(app=OTHER)
    assert [v.issuance for page in pages(book, OTHER, 10) for v in page] == [theirs.issuance]
    assert book.issuances.one(OTHER, mine.issuance) is None
    assert book.issuances.one(OTHER, book.request().issuance) is None
    assert [v.app for page in pages(book, None, 10) for v in page] == ["other", "nagios"]


def test_a_new_issuance_changes_no_page_that_was_begun(book: Book) -> None:
    ids = [book.issue().issuance for _ in range(4)]
    first = book.issuances.page(CALLER.app, None, 2)
    book.issue()
    second = book.issuances.page(CALLER.app, first.next_cursor, 2)
    assert [v.issuance for v in (*first.items, *second.items)] == ids[::-1]


@pytest.mark.parametrize(
    "cursor", ["", "0", "-1", "' OR 1=1", "01932e3e-0000-7000-8000-0000000000ff", "\ud800", "x" * 10_000]
)
def test_a_cursor_that_is_not_ours_is_refused(book: Book, cursor: str) -> None:
    book.issue()
    with pytest.raises(InvalidName):
        book.issuances.page(CALLER.app, cursor, 10)


def test_another_apps_cursor_is_not_ours(book: Book) -> None:
    theirs, _ = book.begin(app=OTHER)
    with pytest.raises(InvalidName):
        book.issuances.page(CALLER.app, theirs.issuance, 10)
    assert book.issuances.page(None, theirs.issuance, 10).items == ()


@pytest.mark.parametrize(("limit", "shown"), [(-5, 1), (0, 1), (10**9, 3)])
def test_an_unreasonable_limit_is_brought_to_reason(book: Book, limit: int, shown: int) -> None:
    for _ in range(3):
        book.issue()
    assert len(book.issuances.page(CALLER.app, None, limit).items) == shown


def test_an_unknown_id_is_none(book: Book) -> None:
    assert book.issuances.one(None, IssuanceId("01932e3e-0000-7000-8000-0000000000ff")) is None
