"""How this process takes memory from the system."""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
_ARENAS = 2


def share_arenas() -> None:
    """Let threads share the arenas of malloc, where it is glibc's.

    By itself it gives each thread one of its own, and what one frees no other reuses: with many
    threads that was a tenth of a process. Python's own lock lets few of them allocate at a time.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
