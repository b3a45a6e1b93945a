"""Bounded work on one vCenter."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

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
