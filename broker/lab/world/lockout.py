"""The lockout policy of vCenter's single sign-on, at its defaults."""

import threading
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Protocol

FAILURES = 5
WITHIN = timedelta(seconds=180)
LOCKED_FOR = timedelta(seconds=300)
EXEMPT = r"vsphere.local\administrator"
"""The system account cannot be locked out."""


class Now(Protocol):
    """The lab's clock, as far as this room needs it."""

    def now(self) -> datetime:
        """The lab's time, aware, in UTC."""
        ...


class Lockout:
    """Counts wrong passwords per user: five within 180 s lock for 300 s. Thread-safe."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self._failures: defaultdict[str, list[datetime]] = defaultdict(list)
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def is_locked(self, user: str) -> bool:
        """Whether the user is locked out now; looks to a client like a wrong password."""
        until = self._until.get(user)
        return until is not None and self._clock.now() < until

    def failed(self, user: str) -> None:
        """One more wrong password."""
        if user.lower() == EXEMPT:
            return
        now = self._clock.now()
        with self._lock:
            recent = [when for when in self._failures[user] if now - when < WITHIN]
            self._failures[user] = [*recent, now]
            if len(self._failures[user]) >= FAILURES:
                self._until[user] = now + LOCKED_FOR
                self._failures[user] = []

    def succeeded(self, user: str) -> None:
        """The right password clears the count."""
        with self._lock:
            self._failures.pop(user, None)
