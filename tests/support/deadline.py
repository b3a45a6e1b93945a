"""Waiting for what happens by itself."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool], within_s: float = 5.0, every_s: float = 0.01) -> bool:
    """Whether the condition came true in time; asks it often, so it costs no longer than it takes."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every_s)
    return condition()
