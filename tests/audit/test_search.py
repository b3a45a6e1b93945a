"""Records are found by what they say, in every combination of filters, as if all were read."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audit.reading import AuditReading
from broker.audit.search import content_of, said
from broker.errors import LogUnavailable
from broker.model.record import Event
from broker.model.search import TEXTS, Order, RecordFilter, RecordQuery, parse_filter
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.log import Leaf
from broker.store.search import StoredSearch
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.many_records import fill, host_name

COUNT = 600
START = HandClock().now()
FIELD_OF = {"actor": "by"}
EVENTS = (Event.TICKET_INTENT, Event.TICKET_ISSUED, Event.REQUEST_REFUSED, Event.TOKEN_ISSUED)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A log whose clock was set back in the middle: its times do not grow with its positions."""
    place: StoreLocation = tmp_path_factory.mktemp("store") / "store.db"
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres").new_store()
    clock = HandClock()
    fill(place, COUNT // 2, clock)
    clock.correct(-900)
    fill(place, COUNT // 2, clock)
    database = Database.open(place, clock, LOG_KEYS)
    yield database
    database.close()


@pytest.fixture(scope="module")
def records(database: Database) -> list[dict[str, Any]]:
    return list(AuditReading(database).records())


def holds(record: dict[str, Any], wanted: RecordFilter) -> bool:
    """What the filter means, said of the record itself."""
    at = datetime.fromisoformat(record["ts"])
    texts = {name: getattr(wanted, name) for name in TEXTS}
    return (
        (not wanted.events or record["code"] in {event.value for event in wanted.events})
        and all(v is None or record["fields"].get(FIELD_OF.get(n, n)) == v for n, v in texts.items())
        and (wanted.since is None or at >= wanted.since)
        and (wanted.until is None or at < wanted.until)
        and (wanted.first is None or record["seq"] >= wanted.first)
        and (wanted.last is None or record["seq"] <= wanted.last)
    )


times = st.none() | st.integers(-10, 3 * COUNT).map(lambda s: START + timedelta(seconds=s))
places = st.none() | st.integers(0, COUNT + 5)
filters = st.builds(
    RecordFilter,
    events=st.frozensets(st.sampled_from(EVENTS), max_size=2),
    app=st.sampled_from([None, None, "app-1", "nobody"]),
    host=st.sampled_from([None, None, host_name(7), "nowhere.example.com"]),
    vcenter=st.sampled_from([None, None, "vc-1"]),
    grant=st.sampled_from([None, None, "app-1-grant-0"]),
    template=st.sampled_from([None, None, "template-1"]),
    reason=st.sampled_from([None, None, "not_granted"]),
    actor=st.sampled_from([None, None, None, "alice"]),
    address=st.sampled_from([None, None, "192.0.2.1"]),
    since=times,
    until=times,
    first=places,
    last=places,
)


@settings(deadline=None, max_examples=50)
@given(wanted=filters, order=st.sampled_from(Order), limit=st.sampled_from([1, 7, 100, 500]))
def test_pages_hold_each_record_that_fits_once_and_in_order(
    database: Database, records: list[dict[str, Any]], wanted: RecordFilter, order: Order, limit: int
) -> None:
    fitting = [record["seq"] for record in records if holds(record, wanted)]
    expected = fitting if order is Order.OLDEST else fitting[::-1]
    search, query = StoredSearch(database), RecordQuery(wanted, order, limit=limit)
    found: list[int] = []
    more = True
    while more and len(found) < 3 * limit:
        page = search.page(query)
        found += [leaf.seq for leaf in page.leaves]
        more = page.more
        query = replace(query, after=found[-1] if found else None)
    assert found == expected[: len(found)]
    assert more == (len(found) < len(expected))


@settings(deadline=None, max_examples=50)
@given(wanted=filters)
def test_a_filter_on_record_says_what_was_asked(wanted: RecordFilter) -> None:
    told = said(wanted)
    texts = {name for name in TEXTS if getattr(wanted, name) is not None}
    assert texts <= set(told)
    ranged = (wanted.since, wanted.until) == (None, None) or not {"since", "until"} <= set(told)
    if ranged and not {"first", "last"} <= set(told):
        assert parse_filter(told) == wanted


def test_all_are_read_page_by_page(database: Database) -> None:
    found = [leaf.seq for leaf in StoredSearch(database).all(RecordFilter(first=10))]
    assert found == list(range(10, COUNT))


@pytest.mark.parametrize(("limit", "shown"), [(-1, 1), (0, 1), (10**9, 500)])
def test_an_unreasonable_limit_is_brought_to_reason(database: Database, limit: int, shown: int) -> None:
    assert len(StoredSearch(database).page(RecordQuery(limit=limit)).leaves) == shown


def test_a_record_tells_its_index_beside_what_it_says(database: Database) -> None:
    (leaf,) = StoredSearch(database).page(RecordQuery(RecordFilter(first=3, last=3))).leaves
    assert content_of(leaf)["index"] == 3
    assert set(content_of(leaf)) == {"index", "v", "id", "event", "code", "ts", "boot", "node", "fields"}


@pytest.mark.parametrize("leaf", [b"", b"\xff{}", b"[]", b'{"fields": 1}'])
def test_bytes_that_are_no_record_any_more_are_named_as_such(leaf: bytes) -> None:
    with pytest.raises(LogUnavailable, match="record 7 is none any more; run: broker audit verify"):
        content_of(Leaf(7, leaf))
