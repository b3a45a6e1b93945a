"""How many refusals each source may have recorded one by one, in memory of bounded size.

Pure bookkeeping: not thread-safe, writes nothing.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.audit.sources import OTHERS, Source
from broker.model.policy import Rate

_MAX_REASONS = 16
_MAX_REASON = 64


@dataclass(slots=True)
class Window:
    """Refusals of one source that are counted instead of recorded, until a moment."""

    source: Source
    until: float
    first: datetime
    last: datetime
    count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    announced: bool = False
    """Whether the record that opens the window is durable."""

    def add(self, reason: str, at: datetime) -> None:
        """Count one more."""
        self._count(reason[:_MAX_REASON], 1)
        self.last = at

    def take_in(self, other: "Window") -> None:
        """Count what `other` has counted."""
        for reason, times in other.reasons.items():
            self._count(reason, times)
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)

    def _count(self, reason: str, times: int) -> None:
        known = reason in self.reasons or len(self.reasons) < _MAX_REASONS
        self.reasons[reason if known else OTHERS] += times
        self.count += times


def merged(windows: Iterable[Window], cap: int) -> list[Window]:
    """One window a source, for at most `cap` sources and, beyond them, one for the others of each kind.

    Every refusal is still counted, under its reason and between the first and the last.
    """
    kept: dict[Source, Window] = {}
    for window in windows:
        known = window.source in kept or len(kept) < cap
        seat = window.source if known else Source(window.source.kind, OTHERS)
        if seat in kept:
            kept[seat].take_in(window)
        else:
            kept[seat] = replace(window, source=seat, reasons=Counter(window.reasons))
    return list(kept.values())


@dataclass(slots=True)
class _Bucket:
    recorded: deque[float]
    used: float
    window: Window | None = None


class Shelf:
    """The buckets of one kind of source, at most `cap`, the longest unused leaving first.

    When all are in use, whoever is new shares the bucket of `others`: a flood from many
    addresses costs bounded memory and a bounded number of records.
    """

    def __init__(self, rate: Rate, cap: int) -> None:
        self._rate = rate
        self._cap = cap
        self._buckets: OrderedDict[Source, _Bucket] = OrderedDict()
        self._ended: list[Window] = []

    def charge(self, source: Source, reason: str, now: float, at: datetime) -> Window | None:
        """None when this refusal may be recorded; else the window that has counted it."""
        seat = self._seat(source, now)
        bucket = self._buckets.setdefault(seat, _Bucket(deque(), now))
        bucket.used = now
        self._buckets.move_to_end(seat)
        if bucket.window is not None and bucket.window.until <= now:
            self._ended.append(bucket.window)
            bucket.window = None
        if bucket.window is None:
            if self._may_record(bucket, now):
                bucket.recorded.append(now)
                return None
            bucket.window = Window(seat, now + self._rate.seconds, at, at)
        bucket.window.add(reason, at)
        return bucket.window

    def ended(self, now: float) -> list[Window]:
        """Take out every window that is over."""
        for bucket in self._buckets.values():
            if bucket.window is not None and bucket.window.until <= now:
                self._ended.append(bucket.window)
                bucket.window = None
        taken, self._ended = self._ended, []
        return taken

    def _may_record(self, bucket: _Bucket, now: float) -> bool:
        while bucket.recorded and bucket.recorded[0] <= now - self._rate.seconds:
            bucket.recorded.popleft()
        return len(bucket.recorded) < self._rate.count

    def _seat(self, source: Source, now: float) -> Source:
        """The source whose bucket counts: its own, or that of `others` while none can be freed."""
        if source in self._buckets or len(self._buckets) < self._cap:
            return source
        longest_unused, bucket = next(iter(self._buckets.items()))
        if bucket.used > now - self._rate.seconds:
            return Source(source.kind, OTHERS)
        if bucket.window is not None:
            self._ended.append(bucket.window)
        del self._buckets[longest_unused]
        return source
