"""The budget of refusals that are recorded one by one, and what stands for the rest.

Beyond its budget a source's refusals are answered with 429. The first one makes a durable
record that opens a window; one more says, when the window is over, how many there were, of
which reasons, first and last. A crash in between loses the counts, never the fact.
Each process has a budget of its own.
"""

import math
import threading
from collections.abc import Sequence

from broker.audit.buckets import Shelf, Window, merged
from broker.audit.sources import Source
from broker.errors import Limited, LogUnavailable, Reason
from broker.model.policy import Rate
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.times import iso, ms

_MAX_APPS = 10_000
_MAX_ADDRESSES = 1_000


class RefusalBudget:
    """Shared by everything in the process that records refusals. Thread-safe, of bounded size."""

    def __init__(self, database: Database, rate: Rate) -> None:
        self._log = StoredLog(database)
        self._clock = database.clock
        self._rate = rate
        self._shelves = {"app": Shelf(rate, _MAX_APPS), "address": Shelf(rate, _MAX_ADDRESSES)}
        self._books = threading.Lock()
        self._announcing = threading.Lock()
        self._summing = threading.Lock()
        self._unwritten: list[Window] = []

    def charge(self, source: Source, reason: str) -> None:
        """Return if this refusal is to be recorded; else count it.

        Raises Limited(TOO_MANY_REFUSALS), and LogUnavailable while the record that opens the
        window cannot be made.
        """
        now = self._clock.monotonic()
        with self._books:
            window = self._shelves[source.kind].charge(source, reason, now, self._clock.now())
        if window is None:
            return
        self._announce(window)
        retry_after_s = max(1, math.ceil(window.until - now))
        raise Limited(Reason.TOO_MANY_REFUSALS, retry_after_s, f"refused for {reason}")

    def tick(self) -> None:
        """Record the windows that are over. Raises LogUnavailable: the next call records them, merged."""
        self._write(self._clock.monotonic())

    def close(self) -> None:
        """Record every window, over or not. Raises LogUnavailable."""
        self._write(math.inf)

    def _announce(self, window: Window) -> None:
        if window.announced:  # as nearly always in a flood, which must not queue here
            return
        with self._announcing:
            if not window.announced:
                self._log.append([_opening(window, self._rate)], Reserve.UNTOUCHED)
                window.announced = True

    def _write(self, now: float) -> None:
        with self._summing:
            with self._books:
                for shelf in self._shelves.values():
                    self._unwritten += shelf.ended(now)
            try:
                if self._unwritten:
                    self._log.append(_sums(self._unwritten), Reserve.UNTOUCHED)
            except LogUnavailable:
                self._unwritten = merged(self._unwritten, _MAX_APPS + _MAX_ADDRESSES)
                raise
            self._unwritten = []


def _opening(window: Window, rate: Rate) -> Record:
    return Record(
        Event.REFUSALS_SUPPRESSED,
        {
            window.source.kind: window.source.name,
            "first": iso(ms(window.first)),
            "recorded_singly": rate.count,
            "window_s": rate.seconds,
        },
    )


def _sums(windows: Sequence[Window]) -> list[Record]:
    return [
        Record(
            Event.REFUSALS_AGGREGATED,
            {
                window.source.kind: window.source.name,
                "reasons": dict(window.reasons),
                "count": window.count,
                "first": iso(ms(window.first)),
                "last": iso(ms(window.last)),
            },
        )
        for window in windows
    ]
