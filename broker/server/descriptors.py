"""How many connections the descriptors of this process allow.

Each connection is a file descriptor, and so is each file of the store and each session with a
vCenter: peers that only connect must not take those.
"""

import resource

_KEPT = 256
"""For the store, sessions with vCenters, certificates and the log."""
_MOST = 1000
_BESIDE_THREADS = 16
"""The fewest connections beside those in a thread: below it, the descriptors kept are what is short."""


def raised_limit() -> int:
    """Raise this process' soft limit of descriptors to its hard one, and give it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connections(descriptors: int, threads: int) -> int:
    """How many connections to hold at once with this many descriptors."""
    if descriptors == resource.RLIM_INFINITY:
        return _MOST
    return max(threads + _BESIDE_THREADS, min(_MOST, descriptors - _KEPT))
