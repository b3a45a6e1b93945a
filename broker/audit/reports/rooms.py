"""What reports are made from, and what they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from broker.model.record import Event
from broker.model.reports import REPORTS, Report, ReportName, ReportQuery
from broker.model.search import RecordQuery
from broker.store.database import Database
from broker.store.reports import StoredReports
from broker.store.search import Found, StoredSearch


@dataclass(frozen=True, slots=True)
class ReportRooms:
    """The store's two ways to find records."""

    search: StoredSearch
    reports: StoredReports

    @classmethod
    def of(cls, database: Database) -> "ReportRooms":
        """Both on one store."""
        return cls(StoredSearch(database), StoredReports(database))


def row_of(name: ReportName, *sources: Mapping[str, Any]) -> dict[str, object]:
    """A row with the report's columns, each from the last source that has it; None where none does."""
    known = {column: value for source in sources for column, value in source.items()}
    return {column: known.get(column) for column in REPORTS[name].columns}


def page_of(
    rows: Sequence[dict[str, object]], *, more: bool, notes: Mapping[str, object] | None = None
) -> Report:
    """A page of these rows, and where the next begins if there is more."""
    last = rows[-1]["index"] if more else None
    return Report(tuple(rows), notes or {}, last if isinstance(last, int) else None)


def found_of(rooms: ReportRooms, query: ReportQuery, events: frozenset[Event]) -> Found:
    """The records of these events that a page of a report tells of."""
    wanted = replace(query.wanted, events=events)
    return rooms.search.page(RecordQuery(wanted, after=query.before, limit=query.limit))
