"""Bounded work on one vCenter."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition

from broker.errors import Reason, Refused

PATIENCE_S = 2.0
"""How long a request waits for its turn: a slow vCenter must not hold the threads of others."""


class Gate:
    """At most `places` calls at a time, of all accounts of one vCenter together."""

    def __init__(self, places: int, patience_s: float = PATIENCE_S) -> None:
        self._places = BoundedSemaphore(places)
        self._patience_s = patience_s

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place. Raises Refused(VCENTER_BUSY) when none is free in time. Not re-entrant."""
        if not self._places.acquire(timeout=self._patience_s):
            raise Refused(Reason.VCENTER_BUSY, "every place is taken")
        try:
            yield
        finally:
            self._places.release()


class Underway:
    """Counts work that is under way, so that whoever ends things can wait for it."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more, until the block ends."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    def over_within(self, seconds: float) -> None:
        """Return when nothing is under way, or when the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, seconds)

    def _add(self, number: int) -> None:
        with self._changed:
            self._count += number
            self._changed.notify_all()
