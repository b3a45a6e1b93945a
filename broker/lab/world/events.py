"""The event log of the simulated vCenter."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from pyVmomi import vim

from broker.lab.world.values import VimValue

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
        self._events: deque[VimValue] = deque(maxlen=KEPT)
        self._key = 0
        self._lock = threading.Lock()
        self._watchers: list[Callable[[VimValue], None]] = []

    def watch(self, tell: Callable[[VimValue], None]) -> None:
        """`tell` is called with each event after it was posted."""
        self._watchers.append(tell)

    def post(self, event: vim.event.Event) -> None:
        """Keep `event`; key, chainId and createdTime are filled in here, userName is up to the poster."""
        with self._lock:
            self._key += 1
            event.key = event.chainId = self._key
            event.createdTime = self._clock.now()
            event.userName = event.userName or ""
            self._events.append(event)
        for tell in self._watchers:
            tell(event)

    def latest(self) -> VimValue | None:
        """The youngest event."""
        with self._lock:
            return self._events[-1] if self._events else None

    def all(self) -> list[VimValue]:
        """All kept events, oldest first."""
        with self._lock:
            return list(self._events)
