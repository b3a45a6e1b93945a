"""A filter of records comes out of texts in its one form, or not at all."""

from datetime import UTC, datetime

import pytest

from broker.errors import InvalidName
from broker.model.record import Event
from broker.model.search import FILTERS, RecordFilter, parse_filter

ISSUANCE = "01932e3e-0000-7000-8000-0000000000ff"


def test_every_filter_is_read_into_its_one_form() -> None:
    told = {
        "event": "ticket_issued, T102E",
        "app": "nagios",
        "host": "ESX01.Example.COM.",
        "vcenter": "prod",
        "grant": "grant-1",
        "template": "cim-reader",
        "reason": "not_granted",
        "issuance": ISSUANCE,
        "actor": "uid 1000",
        "address": "192.0.2.7",
        "since": "2026-11-26",
        "until": "2026-11-26T09:30:00.250+01:00",
        "first": "0",
        "last": "17",
    }
    assert set(told) == set(FILTERS)
    assert parse_filter(told) == RecordFilter(
        events=frozenset({Event.TICKET_ISSUED, Event.TICKET_REFUSED}),
        app="nagios",
        host="esx01.example.com",
        vcenter="prod",
        grant="grant-1",
        template="cim-reader",
        reason="not_granted",
        issuance=ISSUANCE,
        actor="uid 1000",
        address="192.0.2.7",
        since=datetime(2026, 11, 26, tzinfo=UTC),
        until=datetime(2026, 11, 26, 8, 30, 0, 250_000, tzinfo=UTC),
        first=0,
        last=17,
    )


def test_no_texts_are_the_filter_that_lets_all_through() -> None:
    assert parse_filter({}) == RecordFilter()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("event", ""),
        ("event", "ticket_issued,"),
        ("event", "T101"),
        ("app", "Nagios"),
        ("app", "nagios' OR 1=1"),
        ("host", "ésx01"),
        ("grant", ""),
        ("reason", "Not granted"),
        ("issuance", "1"),
        ("actor", "line\nbreak"),
        ("address", "x" * 257),
        ("since", "yesterday"),
        ("since", "2026-11-26T08:00:00"),
        ("since", "2026-13-26"),
        ("until", "0001-01-01T00:00:00+23:59"),
        ("first", "-1"),
        ("first", "\u0663"),
        ("last", "9" * 16),
    ],
)
def test_a_text_outside_its_grammar_is_refused_by_the_filters_name(name: str, text: str) -> None:
    with pytest.raises(InvalidName) as refused:
        parse_filter({name: text})
    assert refused.value.kind == name


@pytest.mark.parametrize(
    "told",
    [
        {"since": "2026-11-26", "until": "2026-11-26"},
        {"since": "2026-11-27", "until": "2026-11-26"},
        {"first": "2", "last": "1"},
    ],
)
def test_a_range_that_holds_nothing_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(InvalidName):
        parse_filter(told)
