"""The event log of the simulated vCenter."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from pyVmomi import vim

KEPT = 20_000
"""Older events are dropped: a lab is no archive."""


class Now(Protocol):
    """The lab's clock, as far as this room needs it."""

    def now(self) -> datetime:
        """The lab's time, aware, in UTC."""
        ...


class EventLog:
    """Events in order of their keys. Thread-safe."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self._events: deque[Any] = deque(maxlen=KEPT)
        self._key = 0
        self._lock = threading.Lock()
        self._watchers: list[Callable[[Any], None]] = []

    def watch(self, tell: Callable[[Any], None]) -> None:
        """`tell` is called with each event after it was posted."""
        self._watchers.append(tell)

    def post(self, event: vim.event.Event) -> None:
        """Keep `event`; key, chainId and createdTime are filled in here, userName is the poster's business."""
        with self._lock:
            self._key += 1
            event.key = event.chainId = self._key
            event.createdTime = self._clock.now()
            event.userName = event.userName or ""
            self._events.append(event)
        for tell in self._watchers:
            tell(event)

    def latest(self) -> Any | None:  # noqa: ANN401 - a pyVmomi object
        """The youngest event."""
        with self._lock:
            return self._events[-1] if self._events else None

    def all(self) -> list[Any]:
        """All kept events, oldest first."""
        with self._lock:
            return list(self._events)
