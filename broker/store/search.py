"""Finding records by what they are about. Every filter is the store's work, and pages go by position."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, Select, func, select

from broker.model.search import MAX_PAGE, TEXTS, Order, RecordFilter, RecordQuery
from broker.store.database import Database
from broker.store.log import Leaf
from broker.store.tables import record
from broker.store.times import ms_up

_COLUMNS = {name: record.c["grant_id" if name == "grant" else name] for name in TEXTS}


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records, in the order that was asked for, and whether more follow."""

    leaves: tuple[Leaf, ...]
    more: bool


class StoredSearch:
    """Records by what they are about, in the store. Every method raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, query: RecordQuery) -> Found:
        """One page, of 1 to 500 records."""
        return self._database.read(lambda c: _page(c, query))

    def all(self, wanted: RecordFilter) -> Iterator[Leaf]:
        """Every record that the filter lets through, the oldest first, read page by page."""
        query, more = RecordQuery(wanted, Order.OLDEST, limit=MAX_PAGE), True
        while more:
            page = self.page(query)
            yield from page.leaves
            more = page.more
            query = replace(query, after=page.leaves[-1].seq) if more else query


def _page(connection: Connection, query: RecordQuery) -> Found:
    wanted = placed(connection, query.wanted)
    if wanted is None:
        return Found((), more=False)
    limit = min(max(query.limit, 1), MAX_PAGE)
    rows = connection.execute(_ordered(query, conditions(wanted)).limit(limit + 1)).all()
    leaves = tuple(Leaf(row.seq, row.leaf) for row in rows[:limit])
    return Found(leaves, more=len(rows) > limit)


def _ordered(query: RecordQuery, holds: list[ColumnElement[bool]]) -> Select[tuple[int, bytes]]:
    seq, newest = record.c.seq, query.order is Order.NEWEST
    if query.after is not None:
        holds = [*holds, seq < query.after if newest else seq > query.after]
    return select(seq, record.c.leaf).where(*holds).order_by(seq.desc() if newest else seq)


def placed(connection: Connection, wanted: RecordFilter) -> RecordFilter | None:
    """The filter with the positions between which its times lie; None where no record is of that time.

    Where clocks were set, records of other times lie between them: the times stay in the filter.
    """
    if wanted.since is None and wanted.until is None:
        return wanted
    times = RecordFilter(since=wanted.since, until=wanted.until)
    bounds = select(func.min(record.c.seq), func.max(record.c.seq)).where(*conditions(times))
    first, last = connection.execute(bounds).one()
    if first is None:
        return None
    return replace(
        wanted,
        first=max(first, wanted.first or 0),
        last=last if wanted.last is None else min(last, wanted.last),
    )


def conditions(wanted: RecordFilter) -> list[ColumnElement[bool]]:
    """What the filter says of the columns of `record`."""
    columns = record.c
    holds = [
        column == value for name, column in _COLUMNS.items() if (value := getattr(wanted, name)) is not None
    ]
    if wanted.events:
        holds.append(columns.code.in_(sorted(event.value for event in wanted.events)))
    if wanted.since is not None:
        holds.append(columns.at >= ms_up(wanted.since))
    if wanted.until is not None:
        holds.append(columns.at < ms_up(wanted.until))
    if wanted.first is not None:
        holds.append(columns.seq >= wanted.first)
    if wanted.last is not None:
        holds.append(columns.seq <= wanted.last)
    return holds
