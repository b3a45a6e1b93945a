"""A rolling restart: one worker after the other ends, each once the one before it was replaced."""

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from broker.ports.clock import Clock
from broker.server.crew import Crew

READY_WITHIN_S = 60.0
"""How long a new worker may take until it can issue a ticket."""


@dataclass(frozen=True, slots=True)
class End:
    """This worker is to end now."""

    worker: int


@dataclass(frozen=True, slots=True)
class Done:
    """Every worker was replaced."""


@dataclass(frozen=True, slots=True)
class Halted:
    """It goes no further, for this reason; the workers that are left go on."""

    why: str


Step: TypeAlias = End | Done | Halted | None


class RollingRestart:
    """Decides what happens next; whoever owns the workers does it.

    A worker ends before its replacement starts, so that there are never more sessions on a
    vCenter than workers. One that ended by itself meanwhile was replaced already.
    """

    def __init__(self, crew: Crew, clock: Clock, ready_within_s: float = READY_WITHIN_S) -> None:
        self._crew = crew
        self._clock = clock
        self._ready_within_s = ready_within_s
        self._old = crew.workers
        self._left = deque(crew.workers)
        self._lost = crew.lost
        self._ending: int | None = None
        self._until = 0.0

    def told(self) -> str:
        """How far it is, for the log."""
        return f"{len(self._old) - len(self._left)} of {len(self._old)}"

    def step(self) -> Step:
        """What is to be done now; None where there is something to wait for."""
        if self._ending in self._crew.workers:
            return None
        if self._ending is not None:
            self._ending, self._until = None, self._clock.monotonic() + self._ready_within_s
        if self._crew.lost > self._lost:
            return Halted("a new worker could not start")
        if self._replaced():
            return self._next()
        if self._clock.monotonic() > self._until:
            return Halted(f"a new worker can issue no ticket after {self._ready_within_s:.0f} s")
        return None

    def _replaced(self) -> bool:
        """Whether all are there, and those that are new can do what they are there for."""
        new = (worker for worker in self._crew.workers if worker not in self._old)
        return self._crew.whole and all(map(self._crew.ready, new))

    def _next(self) -> Step:
        while self._left:
            worker = self._left.popleft()
            if worker in self._crew.workers:
                self._ending = worker
                return End(worker)
        return Done()
