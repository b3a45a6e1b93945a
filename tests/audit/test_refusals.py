"""Floods of refusals: single records up to a budget, then one that sums up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.audit.buckets import Shelf, Window, merged
from broker.audit.sources import Source, of_address
from broker.errors import Limited, LogUnavailable, Reason, Refused
from broker.model.issuance import Origin, Outcome, OutcomeKind
from broker.model.names import AppId
from broker.model.policy import Rate
from broker.model.record import Event
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, failing
from tests.support.issuing import CALLER
from tests.support.records import RATE, Book, open_book

NOT_MINE = Refused(Reason.OUT_OF_SCOPE)


def refuse(book: Book, times: int, refusal: Refused = NOT_MINE, app: AppId = CALLER.app) -> int:
    """Refuse so often; how many were answered with 429."""
    limited = 0
    for _ in range(times):
        try:
            book.ledger.refuse(book.request(), replace(CALLER, app=app), refusal, "revision-1")
        except Limited as beyond:
            limited += beyond.reason is Reason.TOO_MANY_REFUSALS
    return limited


def sums(book: Book) -> list[dict[str, Any]]:
    return [r["fields"] for r in book.reading.records() if r["event"] == "refusals_aggregated"]


def test_beyond_the_budget_one_record_opens_a_window(book: Book) -> None:
    assert refuse(book, 100) == 95
    assert book.events() == ["T110E"] * 5 + ["A210W"]
    assert book.last()["fields"] == {
        "app": "nagios",
        "first": "2026-11-23T12:00:00.000Z",
        "recorded_singly": 5,
        "window_s": 60,
    }


def test_one_record_sums_up_the_window_when_it_is_over(book: Book, clock: HandClock) -> None:
    refuse(book, 7)
    clock.advance(10)
    refuse(book, 3, Refused(Reason.HOST_UNKNOWN))
    book.refusals.tick()
    assert sums(book) == []
    clock.advance(50)
    book.refusals.tick()
    book.refusals.tick()
    assert sums(book) == [
        {
            "app": "nagios",
            "count": 5,
            "first": "2026-11-23T12:00:00.000Z",
            "last": "2026-11-23T12:00:10.000Z",
            "reasons": {"out_of_scope": 2, "host_unknown": 3},
        }
    ]


def test_the_caller_learns_when_the_window_is_over(book: Book, clock: HandClock) -> None:
    refuse(book, 6)
    clock.advance(20.5)
    with pytest.raises(Limited) as limited:
        book.ledger.refuse(book.request(), CALLER, NOT_MINE, "revision-1")
    assert limited.value.retry_after_s == 40


def test_after_the_window_refusals_are_recorded_singly_again(book: Book, clock: HandClock) -> None:
    refuse(book, 6)
    clock.advance(60)
    assert refuse(book, 6) == 1
    book.refusals.close()
    assert [s["count"] for s in sums(book)] == [1, 1]


def test_closing_records_every_window_that_is_open(book: Book) -> None:
    refuse(book, 9)
    book.refusals.close()
    book.refusals.close()
    assert [s["count"] for s in sums(book)] == [4]


def test_one_apps_flood_costs_no_other_app_its_budget(book: Book) -> None:
    refuse(book, 50)
    assert refuse(book, 5, app=AppId("other")) == 0


def test_within_any_window_no_more_than_the_budget_is_recorded_singly(book: Book, clock: HandClock) -> None:
    refuse(book, 3)
    clock.advance(59)
    assert refuse(book, 4) == 2
    clock.advance(60)
    assert refuse(book, 5) == 0


def test_a_refusal_that_cannot_be_recorded_is_not_answered_as_one(book: Book) -> None:
    refuse(book, 5)
    with failing(book.database, "INSERT INTO record", NOT_PERSISTED), pytest.raises(LogUnavailable):
        refuse(book, 1)
    assert book.events() == ["T110E"] * 5
    assert refuse(book, 1) == 1
    assert book.events()[-1] == "A210W"


def test_sums_that_cannot_be_recorded_now_are_recorded_later(book: Book) -> None:
    refuse(book, 8)
    with failing(book.database, "INSERT INTO record", NOT_PERSISTED), pytest.raises(LogUnavailable):
        book.refusals.close()
    book.refusals.tick()
    assert [s["count"] for s in sums(book)] == [3]


def test_a_flood_from_many_threads_is_counted_to_the_last(book: Book) -> None:
    with ThreadPoolExecutor(16) as threads:
        limited = sum(threads.map(lambda _: refuse(book, 20), range(16)))
    book.refusals.close()
    assert limited == 315
    assert [s["count"] for s in sums(book)] == [315]
    assert sorted(book.events()) == ["A210W", "A211W", *["T110E"] * 5]
    assert book.events()[-1] == "A211W"


def test_a_flood_of_thousands_leaves_a_handful_of_records(book: Book) -> None:
    refuse(book, 5_000)
    book.refusals.close()
    assert len(book.events()) == 7


def test_an_address_pays_for_what_nobody_is_authenticated_for(book: Book) -> None:
    origin = Origin("192.0.2.66", "curl")
    for _ in range(5):
        book.access.token_refused(CALLER.app, "wrong_secret", origin)
    with pytest.raises(Limited):
        book.access.token_refused(CALLER.app, "wrong_secret", origin)
    with pytest.raises(Limited):
        book.access.access_refused(None, Reason.UNAUTHENTICATED, "/v1/tickets", origin)
    assert book.last()["fields"]["address"] == "192.0.2.66"
    assert refuse(book, 5) == 0, "whoever claims to be an app cannot spend its budget"


def test_an_app_that_authenticated_spends_nothing_of_the_address_that_others_share(book: Book) -> None:
    for _ in range(5):
        book.access.token_denied(CALLER.app, Reason.INSUFFICIENT_SCOPE, CALLER.origin)
    with pytest.raises(Limited):
        book.access.token_denied(CALLER.app, Reason.RATE_LIMITED, CALLER.origin)
    assert book.last()["fields"]["app"] == CALLER.app

    book.access.token_refused(None, "wrong_secret", CALLER.origin)
    assert book.last()["code"] == Event.TOKEN_REFUSED


def test_a_record_has_a_reason_of_the_closed_list_and_the_cause_behind_it(book: Book) -> None:
    told = [
        book.access.token_refused(CALLER.app, "replayed", CALLER.origin),
        book.access.token_denied(CALLER.app, Reason.RATE_LIMITED, CALLER.origin),
        book.access.access_refused(None, Reason.UNAUTHENTICATED, "/v1/hosts", CALLER.origin, "token_missing"),
        book.access.access_refused(CALLER.app, Reason.INVALID_REQUEST, "/v1/hosts", CALLER.origin),
    ]

    written = [record["fields"] for record in book.reading.records()]
    assert [fields["issuance"] for fields in written] == told
    assert [(fields["reason"], fields.get("cause")) for fields in written] == [
        ("invalid_client", "replayed"),
        ("rate_limited", None),
        ("unauthenticated", "token_missing"),
        ("invalid_request", None),
    ]


def test_an_app_pays_for_what_it_is_authenticated_for(book: Book) -> None:
    for _ in range(5):
        book.access.access_refused(CALLER.app, Reason.INSUFFICIENT_SCOPE, "/v1/issuances", CALLER.origin)
    assert refuse(book, 1) == 1


@pytest.mark.parametrize(
    ("address", "pays"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("\r\nx" * 1000, "unknown"),
    ],
)
def test_an_address_stands_for_its_network(address: str, pays: str) -> None:
    assert of_address(Origin(address, "")) == Source("address", pays)


def addresses(count: int) -> Iterator[Source]:
    return (Source("address", f"10.{n // 65536}.{n // 256 % 256}.{n % 256}") for n in range(count))


def test_a_flood_from_many_addresses_costs_bounded_memory_and_records(clock: HandClock) -> None:
    shelf = Shelf(RATE, cap=10)
    recorded = sum(
        shelf.charge(source, "unauthenticated", 0.0, clock.now()) is None
        for source in addresses(1_000)
        for _ in range(20)
    )
    assert recorded == 11 * RATE.count
    assert len(shelf._buckets) == 11
    windows = shelf.ended(60.0)
    assert sum(w.count for w in windows) == 1_000 * 20 - recorded
    assert windows[-1].source == Source("address", "others")


def test_the_longest_unused_address_leaves_first_and_its_count_is_kept(clock: HandClock) -> None:
    shelf = Shelf(Rate(1, 60), cap=2)
    first, second, third = addresses(3)
    for source, now in ((first, 0.0), (first, 1.0), (second, 30.0), (third, 70.0)):
        shelf.charge(source, "unauthenticated", now, clock.now())
    assert set(shelf._buckets) == {second, third}
    assert [(w.source, w.count) for w in shelf.ended(70.0)] == [(first, 1)]


def test_invented_reasons_are_bounded(clock: HandClock) -> None:
    shelf = Shelf(Rate(1, 60), cap=2)
    source = Source("address", "192.0.2.1")
    for number in range(1_000):
        shelf.charge(source, f"{number}" * 50, 0.0, clock.now())
    (window,) = shelf.ended(60.0)
    assert len(window.reasons) <= 17
    assert window.count == window.reasons.total() == 999
    assert max(map(len, window.reasons)) <= 64


def test_below_the_disk_reserve_refusals_and_intents_fail_and_outcomes_land(
    path: Path, clock: HandClock
) -> None:
    roomy = open_book(path, clock)
    attempt, intent = roomy.begin()
    tight = open_book(path, clock, disk_reserve_mib=2**40)
    with pytest.raises(LogUnavailable):
        refuse(tight, 1)
    with pytest.raises(LogUnavailable):
        tight.begin()
    tight.ledger.conclude(attempt, intent, Outcome(kind=OutcomeKind.REFUSED, reason=Reason.DRIFTED))
    assert roomy.last()["fields"]["reason"] == "drifted"
    roomy.database.close()
    tight.database.close()


def test_sums_that_wait_for_the_store_become_one_a_source_with_every_refusal_in_it(
    book: Book, clock: HandClock
) -> None:
    for minute in range(4):
        refuse(book, 5 + minute + 1, Refused(list(Reason)[minute]))
        clock.advance(60)
        with failing(book.database, "INSERT INTO record", NOT_PERSISTED), pytest.raises(LogUnavailable):
            book.refusals.tick()
    book.refusals.tick()
    (sum_,) = sums(book)
    assert sum_["count"] == 1 + 2 + 3 + 4
    assert sorted(sum_["reasons"].values()) == [1, 2, 3, 4]
    assert (sum_["first"], sum_["last"]) == ("2026-11-23T12:00:00.000Z", "2026-11-23T12:03:00.000Z")


def window_of(source: Source, reason: str, second: int) -> Window:
    at = HandClock().now() + timedelta(seconds=second)
    window = Window(source, 0.0, at, at)
    window.add(reason, at)
    return window


def test_beyond_the_cap_the_sums_of_new_sources_become_those_of_the_others_of_their_kind() -> None:
    sources = [Source(kind, str(n)) for n in range(500) for kind in ("app", "address")]
    windows = [window_of(source, f"reason-{n}", n) for n, source in enumerate(sources)]
    waiting = merged(merged(windows, 10), 10)
    assert len(waiting) == 12
    assert sum(window.count for window in waiting) == 1000
    assert all(len(window.reasons) <= 17 for window in waiting)
    assert {window.source for window in waiting[-2:]} == {
        Source("app", "others"),
        Source("address", "others"),
    }
    assert max(window.last for window in waiting) == windows[-1].last
    assert [window.count for window in windows] == [1] * 1000
