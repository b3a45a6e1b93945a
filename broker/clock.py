"""The machine's time, behind the Clock port."""

import time
from datetime import UTC, datetime


class SystemClock:
    """UTC from the operating system. The one place that reads it."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()
