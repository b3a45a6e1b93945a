"""Bounded work on each vCenter: one that stalls keeps nobody waiting, and takes no other's threads."""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock

from broker.errors import Reason, Refused
from broker.model.names import VcenterId
from broker.model.policy import Vcenter
from broker.ports.clock import Clock
from broker.ports.turns import FOR_NOBODY, Turns
from broker.vsphere.line import Line

PATIENCE_S = 2.0
"""How long a request waits for its turn: a slow vCenter must not hold the threads of others."""

_WAITING_PER_THREAD = 4
"""A batch waits with threads of its own, beside those that are counted."""

Happened = Callable[[float], bool]
"""Waits so many seconds at most for something, and says whether it has come."""


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds: how long a request waits for its turn, and how soon a vCenter counts as stalled.

    `whole_s` bounds each wait. `headway_s` after anything last came back from a vCenter nobody waits
    for it any more, and `kept_s` after it nobody does on a thread that is kept for other vCenters.
    """

    whole_s: float = PATIENCE_S
    headway_s: float = 1.0
    kept_s: float = 0.25


class Gates:
    """The gates of all vCenters, and how many of the `threads` that ask each of them may hold.

    A quarter of the threads is kept for vCenters that hold less than an equal share of it, so
    several that stall cannot take every thread. A lone vCenter may hold them all.
    """

    def __init__(
        self,
        threads: int,
        clock: Clock,
        patience: Patience = Patience(),
        turns: Turns = FOR_NOBODY,
    ) -> None:
        self.patience = patience
        self.turns = turns
        self._threads = threads
        self._kept = threads // 4
        self._clock = clock
        self._books = Lock()
        self._gates: dict[VcenterId, tuple[Vcenter, Gate]] = {}

    def of(self, vcenter: Vcenter) -> "Gate":
        """The gate of this vCenter: the same one until its entry changes."""
        kept = self._gates.get(vcenter.id)
        if kept is None or kept[0] != vcenter:
            kept = (vcenter, Gate(vcenter.concurrency, self, self._books, self._clock))
            with self._books:
                self._gates[vcenter.id] = kept
        return kept[1]

    def keep(self, vcenters: Container[VcenterId]) -> None:
        """Forget all others."""
        with self._books:
            self._gates = {vcenter: kept for vcenter, kept in self._gates.items() if vcenter in vcenters}

    def bear(self, gate: "Gate", held: Callable[["Gate"], int]) -> bool:
        """Whether the gate may hold one more thread, `held` saying what each holds. Under the books' lock."""
        number = len(self._gates)
        if number < 2:  # noqa: PLR2004 - nobody to keep anything for
            return True
        total = sum(held(each) for _, each in self._gates.values())
        return total < self._threads - self._kept or held(gate) < max(1, self._kept // number)

    def full(self, waiting: int) -> bool:
        """Whether so many that wait at one gate are all that may."""
        return waiting >= self._threads * _WAITING_PER_THREAD

    def admit(self, freed: "Gate") -> None:
        """Let in whoever may come in now that `freed` has a place. Under the books' lock."""
        freed.admit()
        for _, gate in self._gates.values():
            gate.admit()


class Gate:
    """At most `places` calls at a time, of all accounts of one vCenter together. Thread-safe."""

    def __init__(self, places: int, gates: Gates, books: Lock, clock: Clock) -> None:
        self._places = places
        self._gates = gates
        self._books = books
        self._clock = clock
        self._line = Line()
        self.running = 0
        """Calls inside."""
        self.waiting = 0
        """Threads that wait, for a place or for what another's call brings."""
        self._moved = clock.monotonic()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place. Raises Refused(VCENTER_BUSY) as `wait` does. Not re-entrant."""
        with self._gates.turns.aside():
            self._enter()
            try:
                yield
            finally:
                self._leave()

    def wait(self, happened: Happened) -> None:
        """Wait for what another call of this vCenter brings, or its end.

        Raises Refused(VCENTER_BUSY) where `Patience` ends before it has come, which is at once at a
        vCenter that has stalled; and where too many wait.
        """
        until = self._clock.monotonic() + self._gates.patience.whole_s
        with self._gates.turns.aside(), self._seat() as patience_s:
            while (left := self._left(until, patience_s)) > 0:
                if happened(left):
                    return
        raise Refused(Reason.VCENTER_BUSY, "no call came back in time")

    def take(self, lock: Lock) -> None:
        """Acquire what a thread holds while it asks this vCenter. Raises Refused(VCENTER_BUSY) as `wait`."""
        if not lock.acquire(blocking=False):
            self.wait(lambda seconds: lock.acquire(timeout=seconds))

    def admit(self) -> None:
        """Give free places to those who wait: each app in turn, its own in order. Under the books' lock."""
        while self._line and self._open():
            self._take()
            self._line.next().set()

    def _enter(self) -> None:
        turn, whose = Event(), self._gates.turns.whose()
        with self._books:
            if not self._line and self._open():
                self._take()
                return
            self._line.join(whose, turn)
        try:
            self.wait(turn.wait)
        except Refused:
            with self._books:
                if not turn.is_set():
                    self._line.leave(whose, turn)
                    raise

    def _leave(self) -> None:
        with self._books:
            self.running -= 1
            self._moved = self._clock.monotonic()
            self._gates.admit(self)

    def _open(self) -> bool:
        return self.running < self._places and self._gates.bear(self, lambda gate: gate.running)

    def _take(self) -> None:
        self.running += 1
        self._moved = self._clock.monotonic()

    @contextmanager
    def _seat(self) -> Iterator[float]:
        """Count one more that waits, and give its patience."""
        with self._books:
            if self._gates.full(self.waiting):
                raise Refused(Reason.VCENTER_BUSY, "too many wait")
            at_ease = self._gates.bear(self, lambda gate: gate.running + gate.waiting)
            self.waiting += 1
        try:
            yield self._gates.patience.headway_s if at_ease else self._gates.patience.kept_s
        finally:
            with self._books:
                self.waiting -= 1

    def _left(self, until: float, patience_s: float) -> float:
        """Seconds to wait on; a vCenter that is asked nothing just now does not stall."""
        now = self._clock.monotonic()
        moved = self._moved if self.running else now
        return min(until, moved + patience_s) - now
