"""Refusals and failures by reason and app, with those that were counted instead of recorded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from broker.audit.reports.rooms import ReportRooms, row_of
from broker.audit.search import content_of
from broker.model.record import Event
from broker.model.reports import Report, ReportName, ReportQuery
from broker.store.times import iso

REFUSING = frozenset(
    {
        Event.TICKET_REFUSED,
        Event.TICKET_FAILED,
        Event.TICKET_UNKNOWN,
        Event.REQUEST_REFUSED,
        Event.TOKEN_REFUSED,
        Event.ACCESS_REFUSED,
    }
)
"""The events that tell of one refusal or failure each. A late result was counted with its attempt's end."""

_CODES = frozenset(event.value for event in REFUSING)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some refusals of one reason and app; times as in records, which sort as texts."""

    reason: str
    app: str | None
    count: int
    only_counted: int
    first: str
    last: str


def refusals(rooms: ReportRooms, query: ReportQuery) -> Report:
    """A row for each reason and app, those with the most first. It has one page."""
    parts = [*_recorded(rooms, query), *_counted(rooms, query)]
    keys = dict.fromkeys((part.reason, part.app) for part in parts)
    rows = [_row([part for part in parts if (part.reason, part.app) == key]) for key in keys]
    return Report(tuple(sorted(rows, key=lambda row: (-int(str(row["count"])), str(row["reason"])))))


def _recorded(rooms: ReportRooms, query: ReportQuery) -> Iterator[_Part]:
    for each in rooms.reports.sums(query.wanted):
        if each.code in _CODES:
            yield _Part(each.reason, each.app, each.count, 0, iso(each.first), iso(each.last))


def _counted(rooms: ReportRooms, query: ReportQuery) -> Iterator[_Part]:
    wanted = replace(query.wanted, reason=None, events=frozenset({Event.REFUSALS_AGGREGATED}))
    for leaf in rooms.search.all(wanted):
        fields = content_of(leaf)["fields"]
        for reason, count in fields["reasons"].items():
            if query.wanted.reason in {None, reason}:
                yield _Part(reason, fields.get("app"), count, count, fields["first"], fields["last"])


def _row(parts: Iterable[_Part]) -> dict[str, object]:
    parts = tuple(parts)
    return row_of(
        ReportName.REFUSALS,
        {
            "reason": parts[0].reason,
            "app": parts[0].app,
            "count": sum(part.count for part in parts),
            "only_counted": sum(part.only_counted for part in parts),
            "first": min(part.first for part in parts),
            "last": max(part.last for part in parts),
        },
    )
