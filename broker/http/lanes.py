"""Fair turns among apps: requests queue in lanes, and threads take from one lane after the other.

The interpreter runs one thread at a time, so what one app's requests cost another is the number of
threads that compute for the one while the other wants to. So beside others a lane computes with one
thread at a time. What only waits, for a vCenter say, stands aside and is not counted.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

Work: TypeAlias = Callable[[], None]

UNKNOWN = "?"
"""The lane of whatever no app has proved to be its own: no app can be called so."""

ARRIVALS = "+"
"""The lane of connections on which nothing was asked yet. It has room for all that there may be."""

BUSY = "!"
"""The lane of requests that found their own full, and are turned away."""

ALONE = 8
"""Threads that may compute for a lane while no other app asks: more only get in each other's way."""

BESIDE_OTHERS = 1
"""The same while another app does."""

RECENTLY_S = 2.0
"""So long after its last request began an app counts as one that asks."""

LAPSE_S = 0.1
"""A thread that computes for so long waits for something, such as a caller's bytes, and counts no more."""

_NO_APPS = frozenset({UNKNOWN, ARRIVALS, BUSY})
_QUEUED_PER_THREAD = 8
_THREADS_PER_SPARE = 8


class LaneFull(Exception):
    """As many requests of this lane wait already as may."""


@dataclass(slots=True)
class _Lane:
    queue: deque[Work] = field(default_factory=deque)
    held: int = 0
    """Threads at work for this lane."""
    computing: dict[int, float] = field(default_factory=dict)
    """Those of them that compute, and since when, the longest first."""

    def lapse(self, now: float) -> None:
        """Count those no more that have computed for too long."""
        while self.computing and now - self.computing[longest := next(iter(self.computing))] >= LAPSE_S:
            del self.computing[longest]


class Roster:
    """Which work is done next. Not thread-safe: see `FairThreads`. Threads are told apart by number.

    Lanes take turns. The last threads are for lanes that hold none, so that an app which has many
    requests under way keeps no other waiting for a thread.
    """

    def __init__(self, threads: int, monotonic: Callable[[], float]) -> None:
        self._free = threads
        self._spare = -(-threads // _THREADS_PER_SPARE) if threads > 1 else 0
        self._room = threads * _QUEUED_PER_THREAD
        self._monotonic = monotonic
        self._lanes: dict[str, _Lane] = {}
        self._lane_of: dict[int, str] = {}
        self._asked: dict[str, float] = {}
        """When each app's last request began, the longest ago first."""

    def put(self, name: str, work: Work) -> None:
        """Queue work in a lane. Raises LaneFull."""
        lane = self._lanes.setdefault(name, _Lane())
        if len(lane.queue) >= self._room and name != ARRIVALS:
            raise LaneFull
        lane.queue.append(work)

    def take(self, thread: int) -> Work | None:
        """What this thread does next, or None; its lane comes last from now on."""
        name = self._next()
        if name is None:
            return None
        lane = self._lanes[name] = self._lanes.pop(name)
        self._free -= 1
        lane.held += 1
        lane.computing[thread] = self._monotonic()
        self._lane_of[thread] = name
        self._note(name)
        return lane.queue.popleft()

    def queued(self) -> bool:
        """Whether any work is not begun."""
        return any(lane.queue for lane in self._lanes.values())

    def ready(self) -> bool:
        """Whether there is work that one more thread may do now."""
        return self._next() is not None

    def lane_of(self, thread: int) -> str | None:
        """For which lane the thread works; None for a thread that does not."""
        return self._lane_of.get(thread)

    def done(self, thread: int) -> None:
        """The thread has ended what it took."""
        name = self._lane_of.pop(thread)
        lane = self._lanes[name]
        self._free += 1
        lane.held -= 1
        lane.computing.pop(thread, None)
        if not lane.held and not lane.queue:
            del self._lanes[name]

    def may_help(self, name: str) -> bool:
        """Whether a thread of its own making may compute for a lane that serves a request just now."""
        now, lane = self._monotonic(), self._lanes[name]
        lane.lapse(now)
        return len(lane.computing) < BESIDE_OTHERS or not self._others_ask(name, now)

    def help(self, thread: int, name: str) -> None:
        """Such a thread begins, which counts as asking."""
        self._lane_of[thread] = name
        self.back(thread)
        self._note(name)

    def helped(self, thread: int) -> None:
        """It has ended what it did."""
        self._lanes[self._lane_of.pop(thread)].computing.pop(thread, None)

    def aside(self, thread: int) -> bool:
        """The thread begins to wait; False where it computes for no lane, and is not counted anyway."""
        name = self._lane_of.get(thread)
        return name is not None and self._lanes[name].computing.pop(thread, None) is not None

    def back(self, thread: int) -> None:
        """It computes again."""
        self._lanes[self._lane_of[thread]].computing[thread] = self._monotonic()

    def _next(self) -> str | None:
        return next((name for name, lane in self._lanes.items() if self._may_begin(name, lane)), None)

    def _may_begin(self, name: str, lane: _Lane) -> bool:
        if not lane.queue or self._free <= (self._spare if lane.held else 0):
            return False
        now = self._monotonic()
        lane.lapse(now)
        return len(lane.computing) < (BESIDE_OTHERS if self._others_ask(name, now) else ALONE)

    def _others_ask(self, name: str, now: float) -> bool:
        """Whether an app does that is not this one."""
        latest = islice(reversed(self._asked.items()), 2)
        return any(other != name and now - asked < RECENTLY_S for other, asked in latest)

    def _note(self, name: str) -> None:
        if name in _NO_APPS:
            return
        now = self._monotonic()
        self._asked.pop(name, None)
        self._asked[name] = now
        while now - self._asked[longest_ago := next(iter(self._asked))] >= RECENTLY_S:
            del self._asked[longest_ago]
