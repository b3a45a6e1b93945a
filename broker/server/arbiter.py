"""gunicorn's arbiter, as `broker serve` needs it: it keeps its workers, and replaces them on demand.

It reloads no code, multiplies nothing, and ends everything over a worker that cannot start only
while none ever has.
"""

import errno
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from broker.clock import SystemClock
from broker.defects import told
from broker.server.crew import Crew, Pause, Wire, Word
from broker.server.rolling import Done, End, Halted, RollingRestart

_log = logging.getLogger(__name__)

_BUSY_S = 0.1
"""How often to look while workers start."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """In seconds: how long requests that run at SIGTERM may take, then how long `Served.close` may.

    What takes longer than both together is killed.
    """

    requests_s: int = 30
    close_s: int = 20


class BrokerArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Starts as many workers as the settings say and keeps as many.

    At SIGUSR2 they are replaced one after the other; at SIGHUP `on_hangup` is called.
    """

    def __init__(
        self, app: BaseApplication, wire: Wire, on_hangup: Callable[[], None], farewell: Farewell
    ) -> None:
        super().__init__(app)
        self.crew = Crew(self.num_workers)
        self._wire = wire
        self._on_hangup = on_hangup
        self._farewell = farewell
        self._clock = SystemClock()
        self._pause = Pause()
        self._rolling: RollingRestart | None = None

    def signal(self, sig: int, frame: FrameType | None) -> None:
        """Queue it; in a worker that has no handlers of its own yet, end at SIGTERM.

        gunicorn would put it into a queue of which the worker knows nothing.
        """
        if os.getpid() == self.pid:
            super().signal(sig, frame)
        elif sig == signal.SIGTERM:
            raise SystemExit(0)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Wait no longer than it may take until a worker says something."""
        soon = self.crew.starting or self._rolling is not None
        signals: list[int] = super().wait_for_signals(min(timeout, _BUSY_S) if soon else timeout)
        return signals

    def manage_workers(self) -> None:
        """Called at each turn of the loop. Raises HaltServer where none can start at all."""
        self._take_stock()
        self._roll()
        super().manage_workers()

    def spawn_workers(self) -> None:
        """As many as are missing, unless it failed just now."""
        if self._pause.lasts(self._clock.monotonic()):
            return
        try:
            super().spawn_workers()
        except OSError as error:  # no process, file or memory for one more, which others may give back
            _log.error("no further process: %s", errno.errorcode.get(error.errno or 0, type(error).__name__))
            self._start_failed()

    def spawn_worker(self) -> int:
        """Returns in the arbiter only."""
        pid: int = super().spawn_worker()
        self.crew.join(pid)
        return pid

    def reap_workers(self) -> None:
        """Take note of every worker that ended.

        gunicorn breaks off, to end everything, at one that could not start: what follows from that
        is decided elsewhere.
        """
        while True:
            try:
                super().reap_workers()
            except HaltServer:
                continue
            return

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's signature
        """Wait for requests and for the rooms to close, then kill.

        gunicorn has one setting for both sides: its arbiter kills the worker at the moment at
        which that has waited for its requests and begins to close. Workers keep their own copy.
        """
        self.cfg.set("graceful_timeout", self._farewell.requests_s + self._farewell.close_s)
        super().stop(graceful)

    def handle_hup(self) -> None:
        """Have the policy read anew; workers go on."""
        try:
            self._on_hangup()
        except Exception as error:  # noqa: BLE001 - a reload that fails must not stop the service
            _log.error("the reload at SIGHUP failed: %s", told(error))

    def handle_int(self) -> None:
        """As SIGTERM: what runs may end."""
        self.handle_term()

    def handle_ttin(self) -> None:
        """As many workers as the settings say."""

    def handle_ttou(self) -> None:
        """As many workers as the settings say."""

    def handle_usr2(self) -> None:
        """Replace the workers one after the other; there is no second arbiter."""
        if self._rolling is not None:
            _log.warning("a rolling restart is under way: no other is begun")
        elif not self.crew.whole:
            _log.error("no rolling restart while workers are missing")
        else:
            self._rolling = RollingRestart(self.crew, self._clock)

    def _take_stock(self) -> None:
        lost = self.crew.lost
        for pid, word in self._wire.heard():
            self.crew.hear(pid, word)
            _log.info("worker %s is %s", pid, word)
            if word is Word.BUILT:
                self._pause.end()
        self.crew.keep(self.WORKERS)
        if self.crew.lost > lost:
            self._start_failed()

    def _start_failed(self) -> None:
        if not self.crew.served:
            raise HaltServer("no worker could start", self.WORKER_BOOT_ERROR)
        seconds = self._pause.begin(self._clock.monotonic())
        _log.error("a worker could not start: the next is started in %.0f s, the others serve on", seconds)

    def _roll(self) -> None:
        if self._rolling is None:
            return
        match self._rolling.step():
            case End(worker):
                _log.info("rolling restart: worker %s ends, %s", worker, self._rolling.told())
                self.kill_worker(worker, signal.SIGTERM)
            case Done():
                _log.info("rolling restart: every worker was replaced")
                self._rolling = None
            case Halted(why):
                _log.error("rolling restart: stopped after %s: %s", self._rolling.told(), why)
                self._rolling = None
