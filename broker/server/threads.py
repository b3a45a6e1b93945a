"""The threads that serve requests, each of which computes when it is its turn."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread, get_ident

from broker.defects import told
from broker.server.lanes import AT_ONCE, BUSY, LAPSE_S, Roster, Work

_log = logging.getLogger(__name__)


class FairThreads:
    """So many threads for the roster's work; the Turns port. All methods may be called from any thread.

    A thread is woken for what is already its own, so none is woken in vain, and the one that idles
    for the shortest time comes first, so that under little load few are in use.
    """

    def __init__(self, number: int, monotonic: Callable[[], float], at_once: int = AT_ONCE) -> None:
        self._roster = Roster(number, monotonic, at_once)
        self._books = Lock()
        self._beds: dict[int, _Bed] = {}
        self._idle: list[int] = []
        self._over = False
        # a thread that hangs when all is over must not keep the process
        self._threads = [Thread(target=self._live, name="request", daemon=True) for _ in range(number)]

    def start(self) -> None:
        """Begin to work: after a fork, which threads do not survive."""
        for thread in self._threads:
            thread.start()

    def put(self, lane: str, work: Work) -> None:
        """Have the work done when it is the lane's turn. Raises LaneFull."""
        with self._books:
            self._roster.put(lane, work)
            self._hand_out()

    def whose(self) -> str:
        """The lane for which this thread works; empty for a thread that works for none."""
        return self._roster.lane_of(get_ident()) or ""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """This thread only waits, so another may compute; it goes on when it is its turn again."""
        me = get_ident()
        with self._books:
            if counted := self._roster.aside(me):
                self._hand_out()
        try:
            yield
        finally:
            if counted:
                self._go_on(me)

    @contextmanager
    def helping(self, whose: str) -> Iterator[None]:
        """See `Turns.helping`."""
        if not whose:
            yield
            return
        me = get_ident()
        with self._books:
            bed = self._beds[me] = _Bed()
            self._roster.help(me, whose)
            self._hand_out()
        self._await_turn(bed)
        try:
            yield
        finally:
            with self._books:
                self._roster.helped(me)
                del self._beds[me]
                self._hand_out()

    def queued(self) -> bool:
        """Whether anything waits for its turn."""
        with self._books:
            return self._roster.waits()

    def turns_away(self) -> bool:
        """Whether this thread serves a request that found no room in its lane."""
        return self.whose() == BUSY

    def look(self) -> None:
        """Hand out the turns that are due by now: for time passes too."""
        with self._books:
            self._hand_out()

    def shutdown(self, wait: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Take no more work. What is queued is not done any more."""
        with self._books:
            self._over = True
            while self._idle:
                self._beds[self._idle.pop()].wake(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _hand_out(self) -> None:
        while (turn := self._roster.next(self._idle[-1] if self._idle else None)) is not None:
            if turn.work is not None:
                self._idle.pop()
            self._beds[turn.thread].wake(turn.work)

    def _go_on(self, me: int) -> None:
        with self._books:
            self._roster.back(me)
            self._hand_out()
        self._await_turn(self._beds[me])

    def _await_turn(self, bed: "_Bed") -> None:
        while not bed.woken(LAPSE_S):
            self.look()

    def _live(self) -> None:
        me = get_ident()
        bed = self._beds[me] = _Bed()
        while (work := self._next(me, bed)) is not None:
            try:
                work()
            except Exception as defect:  # noqa: BLE001 - the thread is needed for others
                _log.error("a thread met a defect: %s", told(defect))

    def _next(self, me: int, bed: "_Bed") -> Work | None:
        with self._books:
            if self._roster.lane_of(me) is not None:
                self._roster.done(me)
            if self._over:
                return None
            self._idle.append(me)
            self._hand_out()
        return bed.work_for()


class _Bed:
    """Where one thread sleeps until it is its turn."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._woken = Lock()
        self._woken.acquire()

    def wake(self, work: Work | None) -> None:
        """Hand over new work, if any; None to a thread that idles when all is over."""
        self._work = work
        self._woken.release()

    def woken(self, within_s: float) -> bool:
        """Whether its turn came in time."""
        return self._woken.acquire(timeout=within_s)

    def work_for(self) -> Work | None:
        """Sleep; the work that the thread is woken for."""
        self._woken.acquire()
        return self._work
