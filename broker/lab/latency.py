"""How much longer than it must the lab takes for an answer."""

import math
import threading
from collections.abc import Callable

from broker.lab.errors import LabError

ANY = "*"
"""A latency set on this name holds for everything that has none of its own."""


class Latencies:
    """Seconds by the name of a method; `knows` says which names there are. Thread-safe."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows
        self._lock = threading.Lock()
        self._seconds: dict[str, float] = {}

    def of(self, name: str) -> float:
        """Seconds to wait; a name that nobody knows, as a client may send, waits like any other."""
        with self._lock:
            return self._seconds.get(name, self._seconds.get(ANY, 0.0))

    def set(self, name: str, seconds: float) -> None:
        """Let `name`, or with "*" all that have none of their own, take `seconds` longer.

        Raises LabError for a name that nothing has and for what is no time to wait.
        """
        if name != ANY and not self._knows(name):
            raise LabError(f"{name} is no method; names are as on the wire")
        check_wait(seconds)
        with self._lock:
            self._seconds[name] = seconds


def check_wait(seconds: float) -> None:
    """Raises LabError for less than nothing and for what is no number of seconds."""
    if not math.isfinite(seconds) or seconds < 0:
        raise LabError("a wait is a finite number of seconds and not negative")
