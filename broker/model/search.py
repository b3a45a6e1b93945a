"""Which records of the log somebody asks for: one form for every way to ask."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from broker.errors import InvalidName
from broker.model.names import parse_host_name, parse_id, parse_issuance_id
from broker.model.record import Event

MAX_PAGE = 500
DEFAULT_PAGE = 100

T = TypeVar("T")

_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))?")
_INDEX = re.compile(r"[0-9]{1,15}")
_REASON = re.compile(r"[a-z][a-z_]{0,63}")
_MAX_TEXT = 256
_EVENTS: Final = {**{event.value: event for event in Event}, **{event.name.lower(): event for event in Event}}


class Order(StrEnum):
    """Which records come first."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What a record must be, in every point that is given; the empty filter lets all through.

    A text is compared with the record's field of that name, `actor` with `by`. Times reach from `since`
    to before `until`; positions from `first` to `last`, that one included.
    """

    events: frozenset[Event] = frozenset()
    app: str | None = None
    host: str | None = None
    vcenter: str | None = None
    grant: str | None = None
    template: str | None = None
    reason: str | None = None
    issuance: str | None = None
    actor: str | None = None
    address: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    first: int | None = None
    last: int | None = None


TEXTS: Final = (
    "app",
    "host",
    "vcenter",
    "grant",
    "template",
    "reason",
    "issuance",
    "actor",
    "address",
)
"""The filters that compare one text of a record."""


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """One page of what a filter lets through: at most `limit` records, 1 to 500.

    They are those that follow the record at position `after` in that order; None is the first page.
    """

    wanted: RecordFilter = RecordFilter()
    order: Order = Order.NEWEST
    after: int | None = None
    limit: int = DEFAULT_PAGE


def parse_filter(told: Mapping[str, str]) -> RecordFilter:
    """The filter that these texts say, by name; `event` has one or more names or codes with commas between.

    Raises InvalidName for a text outside its grammar, and KeyError for a name that is no filter's, a defect.
    """
    parsed = {name: _PARSERS[name](text) for name, text in told.items() if name != "event"}
    wanted = RecordFilter(events=parse_events(told["event"]) if "event" in told else frozenset(), **parsed)  # type: ignore[arg-type]  # each parser gives its field's type
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise InvalidName("until", "a time after since")
    if wanted.first is not None and wanted.last is not None and wanted.first > wanted.last:
        raise InvalidName("last", "a position that is not before first")
    return wanted


def parse_events(text: str) -> frozenset[Event]:
    """Events by name (`ticket_issued`) or code (`T101I`), with commas between. Raises InvalidName."""
    found = [_EVENTS.get(each.strip()) for each in text.split(",")]
    events = frozenset(event for event in found if event is not None)
    if None in found:
        raise InvalidName("event", "names or codes of docs/events.md, with commas between")
    return events


def parse_time(text: str, kind: str) -> datetime:
    """RFC 3339 with its offset, or a date, whose midnight in UTC is meant. Raises InvalidName."""
    grammar = "a time such as 2026-11-26T08:00:00Z, or a date"
    if _TIME.fullmatch(text) is None or not text.isascii():
        raise InvalidName(kind, grammar)
    try:
        told = datetime.fromisoformat(text)
        return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidName(kind, grammar) from None


def parse_index(text: str, kind: str) -> int:
    """A position in the log. Raises InvalidName."""
    if _INDEX.fullmatch(text) is None or not text.isascii():
        raise InvalidName(kind, "a whole number, 0 or more")
    return int(text)


def _reason(text: str, kind: str) -> str:
    if _REASON.fullmatch(text) is None:
        raise InvalidName(kind, "a code of docs/reasons.md")
    return text


def _words(text: str, kind: str) -> str:
    if not text.isprintable() or not 0 < len(text) <= _MAX_TEXT:
        raise InvalidName(kind, f"1 to {_MAX_TEXT} characters that print")
    return text


def _parser(parse: Callable[[str, str], T], name: str) -> Callable[[str], T]:
    return lambda text: parse(text, name)


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    **{name: _parser(parse_id, name) for name in ("app", "vcenter", "grant", "template")},
    **{name: _parser(_words, name) for name in ("actor", "address")},
    **{name: _parser(parse_time, name) for name in ("since", "until")},
    **{name: _parser(parse_index, name) for name in ("first", "last")},
    "host": parse_host_name,
    "reason": _parser(_reason, "reason"),
    "issuance": parse_issuance_id,
}
FILTERS: Final = ("event", *TEXTS, "since", "until", "first", "last")
"""What `parse_filter` knows, in the order in which it is shown."""
