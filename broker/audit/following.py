"""Watching records arrive: on record where it begins, and where it ends."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from broker.audit.reading_notes import ReadingNotes, Shown
from broker.audit.search import content_of, said
from broker.model.search import MAX_PAGE, Order, RecordFilter, RecordQuery
from broker.ports.auditing import Reader
from broker.store.database import Database
from broker.store.log import Leaf, StoredLog
from broker.store.search import StoredSearch


@dataclass(slots=True)
class Following:
    """New records that a filter lets through, as they come."""

    newest: tuple[Mapping[str, Any], ...]
    """Those that were there before, the oldest first."""
    _search: StoredSearch
    _next: RecordQuery
    shown: Shown
    """What came while it was watched."""

    def arrived(self) -> tuple[Mapping[str, Any], ...]:
        """What came since the last call, up to 500 records. Raises LogUnavailable."""
        leaves = self._search.page(self._next).leaves
        if leaves:
            self._next = replace(self._next, after=leaves[-1].seq)
            first = leaves[0].seq if self.shown.first_index is None else self.shown.first_index
            self.shown = Shown(self.shown.count + len(leaves), first, leaves[-1].seq)
        return tuple(map(content_of, leaves))


@contextmanager
def following(database: Database, wanted: RecordFilter, last: int, reader: Reader) -> Iterator[Following]:
    """The newest `last` records, 1 to 500, that the filter lets through, and then what arrives.

    Raises LogUnavailable where its beginning or its end cannot be put on record.
    """
    log, search = StoredLog(database), StoredSearch(database)
    notes, size = ReadingNotes(log), log.size()
    before = search.page(RecordQuery(wanted, after=size, limit=last)).leaves
    notes.queried("tail", said(wanted), _extent(before), reader)
    onward = RecordQuery(wanted, Order.OLDEST, after=size - 1, limit=MAX_PAGE)
    watched = Following(tuple(map(content_of, reversed(before))), search, onward, Shown(0, None, None))
    try:
        yield watched
    finally:
        notes.followed(said(wanted), watched.shown, reader)


def _extent(leaves: tuple[Leaf, ...]) -> Shown:
    return Shown.of([leaf.seq for leaf in leaves], len(leaves))
