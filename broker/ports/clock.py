"""Time, injected."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time of day in UTC for records, a monotonic count for intervals."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...
