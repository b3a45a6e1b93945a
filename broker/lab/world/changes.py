"""What changed and when, so that a waiting client is told only that."""

import threading
from collections import deque
from dataclasses import dataclass

KEPT = 50_000
"""Changes remembered; a client that fell further behind compares everything."""


@dataclass(frozen=True, slots=True)
class Since:
    """Changes after a revision: (moid, property path) pairs, or everything when `restructured`."""

    revision: int
    changed: tuple[tuple[str, str], ...]
    restructured: bool


class Changes:
    """A journal with a bell. Thread-safe."""

    def __init__(self) -> None:
        self._journal: deque[tuple[int, str, str]] = deque(maxlen=KEPT)
        self._revision = 0
        self._restructured = 0
        self._closed = False
        self._bell = threading.Condition()

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self._revision

    @property
    def closed(self) -> bool:
        """Whether nothing will change any more."""
        return self._closed

    def note(self, moid: str, *paths: str) -> None:
        """These properties of the object have new values."""
        with self._bell:
            self._revision += 1
            self._journal.extend((self._revision, moid, path) for path in paths)
            self._bell.notify_all()

    def note_structure(self) -> None:
        """Objects or rights came or went: nobody's selection holds any more."""
        with self._bell:
            self._revision += 1
            self._restructured = self._revision
            self._bell.notify_all()

    def since(self, revision: int) -> Since:
        """All that happened after `revision`."""
        with self._bell:
            oldest = self._journal[0][0] if self._journal else self._revision + 1
            lost = len(self._journal) == KEPT and oldest > revision + 1
            recent = []
            for when, moid, path in reversed(self._journal):
                if when <= revision:
                    break
                recent.append((moid, path))
            return Since(self._revision, tuple(reversed(recent)), lost or self._restructured > revision)

    def wait(self, revision: int, timeout_s: float) -> None:
        """Return when something changed after `revision`, when woken, or when the time is up."""
        with self._bell:
            if self._revision == revision and not self._closed:
                self._bell.wait(timeout_s)

    def wake(self) -> None:
        """Let everyone who waits look again."""
        with self._bell:
            self._bell.notify_all()

    def close(self) -> None:
        """Nothing will change any more: let everyone who waits go."""
        self._closed = True
        self.wake()
