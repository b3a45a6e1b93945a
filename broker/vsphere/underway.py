"""Work that is under way, for whoever ends things."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


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
