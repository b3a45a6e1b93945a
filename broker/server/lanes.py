"""Fair turns among apps: requests wait in lanes, and the lanes take turns to compute.

The interpreter runs one thread at a time. Many that want to run hand it to each other at every step
that lets go of it, a hundred times a request, and each hand-over costs as much as a step: so few
compute, and all others wait for their turn. What waits anyway, for a vCenter or the disk say,
stands aside, and queues in its lane when it goes on. So what one app's requests cost another is a
turn of theirs before each of its own.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Work: TypeAlias = Callable[[], None]

UNKNOWN = "?"
"""The lane of whatever no app has proved to be its own: no app can be called so."""

ARRIVALS = "+"
"""The lane of connections on which nothing was asked yet. It has room for all that there may be."""

BUSY = "!"
"""The lane of requests that found their own full, and are turned away."""

AT_ONCE = 2
"""Threads that may compute: with one, nothing is computed whenever it lets go of the interpreter."""

LAPSE_S = 0.1
"""A thread that computes for so long waits for something that nobody foresaw, and counts no more."""

_QUEUED_PER_THREAD = 8
_THREADS_PER_SPARE = 8


class LaneFull(Exception):
    """As many requests of this lane wait already as may."""


class Turn(NamedTuple):
    """Which thread computes now: with new work, or on with what it has."""

    thread: int
    work: Work | None


@dataclass(slots=True)
class _Lane:
    queue: deque[Work] = field(default_factory=deque)
    """Requests that are not begun."""
    returning: deque[int] = field(default_factory=deque)
    """Threads that would go on."""
    held: int = 0
    """Threads at work for this lane."""


class Roster:
    """Who computes next. Not thread-safe: see `FairThreads`. Threads are told apart by number.

    Within a lane what is begun goes before what is not. The last threads are for lanes that hold
    none, so that an app which has many requests under way keeps no other waiting for a thread.
    """

    def __init__(self, threads: int, monotonic: Callable[[], float], at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._free = threads
        self._spare = -(-threads // _THREADS_PER_SPARE) if threads > 1 else 0
        self._room = threads * _QUEUED_PER_THREAD
        self._monotonic = monotonic
        self._lanes: dict[str, _Lane] = {}
        """Whose turn comes first, first."""
        self._lane_of: dict[int, str] = {}
        self._computing: dict[int, float] = {}
        """Who computes, and since when, the longest first."""
        self._aside: set[int] = set()

    def put(self, name: str, work: Work) -> None:
        """Queue work in a lane. Raises LaneFull."""
        lane = self._lanes.setdefault(name, _Lane())
        if len(lane.queue) >= self._room and name != ARRIVALS:
            raise LaneFull
        lane.queue.append(work)

    def next(self, idle: int | None) -> Turn | None:
        """Whose turn it is now, if it is anybody's; new work needs a thread that is idle.

        The lane comes last from now on.
        """
        now = self._monotonic()
        self._lapse(now)
        if len(self._computing) >= self._at_once:
            return None
        for name, lane in self._lanes.items():
            turn = self._turn_of(name, lane, idle)
            if turn is not None:
                self._lanes[name] = self._lanes.pop(name)
                self._computing[turn.thread] = now
                return turn
        return None

    def waits(self) -> bool:
        """Whether anything waits for its turn."""
        return any(lane.queue or lane.returning for lane in self._lanes.values())

    def lane_of(self, thread: int) -> str | None:
        """For which lane the thread works; None for a thread that does not."""
        return self._lane_of.get(thread)

    def done(self, thread: int) -> None:
        """The thread has ended what it was handed."""
        name = self._left(thread)
        lane = self._lanes[name]
        self._free += 1
        lane.held -= 1
        if not lane.held and not lane.queue:
            del self._lanes[name]

    def aside(self, thread: int) -> bool:
        """The thread begins to wait; False where it works for no lane, or stands aside already."""
        if thread not in self._lane_of or thread in self._aside:
            return False
        self._aside.add(thread)
        self._computing.pop(thread, None)
        return True

    def back(self, thread: int) -> None:
        """It would go on, at its turn."""
        self._aside.discard(thread)
        self._lanes[self._lane_of[thread]].returning.append(thread)

    def help(self, thread: int, name: str) -> None:
        """A thread of its own making would compute for a lane that serves a request just now, at its turn."""
        self._lane_of[thread] = name
        self.back(thread)

    def helped(self, thread: int) -> None:
        """It has ended what it did."""
        self._left(thread)

    def _left(self, thread: int) -> str:
        self._computing.pop(thread, None)
        return self._lane_of.pop(thread)

    def _lapse(self, now: float) -> None:
        while self._computing and now - self._computing[longest := next(iter(self._computing))] >= LAPSE_S:
            del self._computing[longest]

    def _turn_of(self, name: str, lane: _Lane, idle: int | None) -> Turn | None:
        if lane.returning:
            return Turn(lane.returning.popleft(), None)
        if idle is None or not lane.queue or self._free <= (self._spare if lane.held else 0):
            return None
        self._free -= 1
        lane.held += 1
        self._lane_of[idle] = name
        return Turn(idle, lane.queue.popleft())
