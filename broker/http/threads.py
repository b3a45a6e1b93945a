"""The threads that serve requests, which are handed their work as a roster says."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock, Thread, get_ident

from broker.defects import told
from broker.http.lanes import BUSY, LAPSE_S, Roster, Work

_log = logging.getLogger(__name__)


class FairThreads:
    """So many threads for the roster's work; the Turns port. All methods may be called from any thread.

    A thread is woken for work that is already its own, so none is woken in vain, and the one that
    idles for the shortest time comes first, so that under little load few are in use.
    """

    def __init__(self, number: int, monotonic: Callable[[], float]) -> None:
        self._roster = Roster(number, monotonic)
        self._books = Lock()
        self._help = Condition(self._books)
        self._idle: list[_Bed] = []
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
        """The lane for which this thread works; empty for a thread that is none of these."""
        return self._roster.lane_of(get_ident()) or ""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """This thread only waits, so another may compute for its lane."""
        me = get_ident()
        with self._books:
            if counted := self._roster.aside(me):
                self._hand_out()
                self._help.notify()
        try:
            yield
        finally:
            if counted:
                with self._books:
                    self._roster.back(me)

    @contextmanager
    def helping(self, whose: str) -> Iterator[None]:
        """See `Turns.helping`. Nobody is helped in vain: once all is over there are no turns to wait for."""
        if not whose:
            yield
            return
        me = get_ident()
        with self._books:
            while not self._over and not self._roster.may_help(whose):
                self._help.wait(LAPSE_S)
            self._roster.help(me, whose)
        try:
            yield
        finally:
            with self._books:
                self._roster.helped(me)
                self._hand_out()
                self._help.notify()

    def queued(self) -> bool:
        """Whether anything waits for its turn."""
        with self._books:
            return self._roster.queued()

    def turns_away(self) -> bool:
        """Whether this thread serves a request that found no room in its lane."""
        return self.whose() == BUSY

    def look(self) -> None:
        """Hand out what may be done by now: for time passes too."""
        with self._books:
            self._hand_out()

    def shutdown(self, wait: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Take no more work. What is queued is not done any more."""
        with self._books:
            self._over = True
            while self._idle:
                self._idle.pop().wake(None)
            self._help.notify_all()
        for thread in self._threads if wait else ():
            thread.join()

    def _hand_out(self) -> None:
        while self._idle and (work := self._roster.take(self._idle[-1].thread)) is not None:
            self._idle.pop().wake(work)

    def _live(self) -> None:
        bed = _Bed(get_ident())
        while (work := self._next(bed)) is not None:
            try:
                work()
            except Exception as defect:  # noqa: BLE001 - the thread is needed for others
                _log.error("a thread met a defect: %s", told(defect))
            with self._books:
                self._roster.done(bed.thread)
                self._help.notify()

    def _next(self, bed: "_Bed") -> Work | None:
        with self._books:
            if self._over:
                return None
            work = self._roster.take(bed.thread)
            if work is None:
                self._idle.append(bed)
            else:
                self._hand_out()
        return work or bed.sleep()


class _Bed:
    """Where one thread sleeps until it is handed work."""

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self._work: Work | None = None
        self._woken = Lock()
        self._woken.acquire()

    def wake(self, work: Work | None) -> None:
        """Hand over work, or None when all is over."""
        self._work = work
        self._woken.release()

    def sleep(self) -> Work | None:
        """The work that the thread is woken for."""
        self._woken.acquire()
        return self._work
