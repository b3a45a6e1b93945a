"""What admins, operators and the controller changed, and what was found changed."""

from collections.abc import Mapping
from typing import Any, Final

from broker.audit.reports.rooms import ReportRooms, found_of, page_of, row_of
from broker.audit.search import content_of
from broker.model.record import Event
from broker.model.reports import Report, ReportName, ReportQuery

_SUBJECTS: Final = ("C", "P", "R")
"""First letters of codes: credentials and switches, policies, roles and permissions."""

_OF_THE_LOG: Final = ("L70", "L71")
"""Codes of keys and epochs begin so; L72 and on are what happens to the log, and who read it."""

CHANGES: Final = frozenset(event for event in Event if event.value.startswith((*_SUBJECTS, *_OF_THE_LOG)))
"""The events that tell of a change, or of one that failed."""


def changes(rooms: ReportRooms, query: ReportQuery) -> Report:
    """A row for each; `what` has all that its record says besides."""
    events = CHANGES & (query.wanted.events or CHANGES)
    if not events:
        return Report(())
    found = found_of(rooms, query, events)
    return page_of([_row(content_of(leaf)) for leaf in found.leaves], more=found.more)


def _row(record: Mapping[str, Any]) -> dict[str, object]:
    rest = {name: value for name, value in record["fields"].items() if name != "by"}
    around = {
        "index": record["index"],
        "at": record["ts"],
        "event": record["event"],
        "by": record["fields"].get("by"),
        "what": rest,
    }
    return row_of(ReportName.CHANGES, around)
