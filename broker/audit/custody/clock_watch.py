"""Whether the clock of the machine was set: the time of day against what a count of seconds says."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.ports.clock import Clock

TOLERATED = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The clock went on by so much more than time did, or less; and what it would have been."""

    by: timedelta
    clock_was: datetime


class ClockWatch:
    """Looks on a beat. One thread steps it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now = clock.now()
        self._count = clock.monotonic()
        self._past: datetime | None = None

    def step(self) -> ClockStep | None:
        """A step of more than TOLERATED since the last look."""
        now, count = self._clock.now(), self._clock.monotonic()
        expected = self._now + timedelta(seconds=count - self._count)
        self._now, self._count = now, count
        if abs(now - expected) <= TOLERATED:
            return None
        if now < expected:
            self._past = max(self._past or expected, expected)
        return ClockStep(now - expected, expected)

    def behind(self) -> bool:
        """Whether the clock says a time which, as it once said, is over: it was set back."""
        return self._past is not None and self._clock.now() < self._past
