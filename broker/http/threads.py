"""The threads that serve requests, which take their work from a roster."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock, Thread, get_ident

from broker.defects import told
from broker.http.lanes import BUSY, LAPSE_S, Roster, Work

_log = logging.getLogger(__name__)


class FairThreads:
    """So many threads for the roster's work; the Turns port. All methods may be called from any thread."""

    def __init__(self, number: int, monotonic: Callable[[], float]) -> None:
        self._roster = Roster(number, monotonic)
        lock = Lock()
        self._changed, self._help = Condition(lock), Condition(lock)
        self._over = False
        # a thread that hangs when all is over must not keep the process
        self._threads = [Thread(target=self._work, name="request", daemon=True) for _ in range(number)]

    def start(self) -> None:
        """Begin to work: after a fork, which threads do not survive."""
        for thread in self._threads:
            thread.start()

    def put(self, lane: str, work: Work) -> None:
        """Have the work done when it is the lane's turn. Raises LaneFull."""
        with self._changed:
            self._roster.put(lane, work)
            self._call_one()

    def whose(self) -> str:
        """The lane for which this thread works; empty for a thread that is none of these."""
        with self._changed:
            return self._roster.lane_of(get_ident()) or ""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """This thread only waits, so another may compute for its lane."""
        me = get_ident()
        with self._changed:
            if counted := self._roster.aside(me):
                self._call_one()
                self._help.notify()
        try:
            yield
        finally:
            if counted:
                with self._changed:
                    self._roster.back(me)

    @contextmanager
    def helping(self, whose: str) -> Iterator[None]:
        """See `Turns.helping`. Nobody is helped in vain: once all is over there are no turns to wait for."""
        if not whose:
            yield
            return
        me = get_ident()
        with self._changed:
            while not self._over and not self._roster.may_help(whose):
                self._help.wait(LAPSE_S)
            self._roster.help(me, whose)
        try:
            yield
        finally:
            with self._changed:
                self._roster.helped(me)
                self._call_one()
                self._help.notify()

    def queued(self) -> bool:
        """Whether anything waits for its turn."""
        with self._changed:
            return self._roster.queued()

    def turns_away(self) -> bool:
        """Whether this thread serves a request that found no room in its lane."""
        return self.whose() == BUSY

    def look(self) -> None:
        """Call a thread for what may be done by now: for time passes too."""
        with self._changed:
            self._call_one()

    def shutdown(self, wait: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Take no more work. What is queued is not done any more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
            self._help.notify_all()
        for thread in self._threads if wait else ():
            thread.join()

    def _work(self) -> None:
        me = get_ident()
        while (work := self._next(me)) is not None:
            try:
                work()
            except Exception as defect:  # noqa: BLE001 - the thread is needed for others
                _log.error("a thread met a defect: %s", told(defect))
            with self._changed:
                self._roster.done(me)
                self._help.notify()

    def _next(self, me: int) -> Work | None:
        with self._changed:
            while not self._over:
                if (work := self._roster.take(me)) is not None:
                    self._call_one()
                    return work
                self._changed.wait()
        return None

    def _call_one(self) -> None:
        if self._roster.ready():
            self._changed.notify()
