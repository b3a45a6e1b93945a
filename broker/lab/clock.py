"""The lab's time: the machine's, plus what somebody turned it on by."""

import threading
import time
from datetime import UTC, datetime, timedelta


class LabClock:
    """Runs at the pace of the machine's clock and can be moved. Thread-safe.

    Everything that ages in the lab (sessions, lockouts, tickets, CurrentTime) reads this clock.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The lab's time, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, moved by the same amount as `now`."""
        return time.monotonic() + self._offset.total_seconds()

    def machine(self) -> datetime:
        """The machine's own time: clients that judge a certificate cannot be moved."""
        return datetime.now(UTC)

    def advance(self, seconds: float) -> datetime:
        """Move on by `seconds` (back, if negative) and give the new time."""
        with self._lock:
            self._offset += timedelta(seconds=seconds)
        return self.now()

    def set(self, when: datetime) -> None:
        """Make it `when`, an aware time; the clock runs on from there."""
        with self._lock:
            self._offset = when - datetime.now(UTC)
