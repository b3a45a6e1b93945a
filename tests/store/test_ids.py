"""Ids and times."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker.ids import new_id, new_issuance_id
from broker.model.names import parse_issuance_id
from broker.store.times import from_ms, iso, ms, ms_up
from tests.support.clock import HandClock

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware at once


def test_an_id_carries_its_millisecond() -> None:
    clock = HandClock()
    assert int(new_id(clock).replace("-", "")[:12], 16) == ms(clock.now())


def test_ids_sort_by_time_and_never_repeat() -> None:
    clock = HandClock()
    first = {new_id(clock) for _ in range(1000)}
    clock.advance(0.001)
    second = {new_id(clock) for _ in range(1000)}
    assert len(first | second) == 2000
    assert max(first) < min(second)


@given(TIMES)
def test_an_issuance_id_is_one_that_the_broker_takes_back(start: datetime) -> None:
    made = new_issuance_id(HandClock(start))
    assert parse_issuance_id(made) == made


@given(TIMES)
def test_a_stored_end_is_never_before_the_true_one(at: datetime) -> None:
    assert from_ms(ms(at)) <= at <= from_ms(ms_up(at))
    assert from_ms(ms_up(at)) - from_ms(ms(at)) <= timedelta(milliseconds=1)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert iso(ms(datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC))) == "2026-01-02T03:04:05.006Z"
    assert iso(ms(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))) == "2026-01-02T03:04:05.000Z"
