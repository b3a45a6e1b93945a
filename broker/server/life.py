"""One worker process: its rooms are built, it joins the others, it serves, its rooms are closed."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from gunicorn.workers.base import Worker

from broker.clock import SystemClock
from broker.defects import told
from broker.errors import BrokerError, Reason
from broker.ports.metering import UNMETERED, RequestMeter
from broker.server.arbiter import BrokerArbiter
from broker.server.crew import Wire, Word
from broker.server.running import WsgiApp

_log = logging.getLogger(__name__)

WARM_UP_S = 10.0
"""How long a worker that joins others leaves requests to them while it can issue no ticket yet."""

_LOOK_EVERY_S = 0.1
_CANNOT_START = 1


@dataclass(frozen=True, slots=True)
class Served:
    """What runs in a worker process: the app, how to close the rooms behind it, how they stand, who measures.

    `leave` is called when the process is told to end, inside a signal handler, before requests
    that run are waited for. `ready` says whether a ticket can be issued, as far as that is up to
    this process. `holder` says whose an access token is, if it was verified here before.
    """

    app: WsgiApp
    leave: Callable[[], None]
    close: Callable[[], None]
    ready: Callable[[], bool]
    holder: Callable[[str], str | None]
    meter: RequestMeter = UNMETERED


class WorkerLife:
    """What gunicorn is to call in a worker process, and when. `build` makes the rooms."""

    def __init__(self, build: Callable[[], Served], wire: Wire) -> None:
        self._build = build
        self._wire = wire
        self._clock = SystemClock()
        self._served: Served | None = None
        self._joins = False
        self._ready = threading.Event()
        self._closing = threading.Event()

    def forked(self, arbiter: BrokerArbiter, worker: Worker) -> None:
        """Right after the fork: from now on the arbiter expects signs of life."""
        self._joins = arbiter.crew.served
        worker.notify()

    def begin(self) -> WsgiApp:
        """Build the rooms; raises SystemExit where they cannot be built."""
        try:
            self._served = self._build()
        except Exception as error:  # noqa: BLE001 - gunicorn would log its text, which may hold anything
            _say_why(error)
            raise SystemExit(_CANNOT_START) from None
        self._wire.tell(Word.BUILT)
        threading.Thread(target=self._announce, args=(self._served,), name="announce", daemon=True).start()
        return self._served.app

    def warm_up(self, worker: Worker) -> None:
        """Before the first connection is accepted: let the others serve until this worker can, too.

        The first workers do not wait: there is nobody to leave requests to.
        """
        until = self._clock.monotonic() + WARM_UP_S
        while self._joins and worker.alive and self._clock.monotonic() < until:
            worker.notify()
            if self._ready.wait(_LOOK_EVERY_S):
                break

    def refused_unheard(self, reason: Reason) -> None:
        """Count what was answered without the app."""
        if self._served is not None:
            self._served.meter.refused(None, reason)

    def holder(self, token: str) -> str | None:
        """Whose access token this is; None where that is not known."""
        return self._served.holder(token) if self._served is not None else None

    def leave(self) -> None:
        """The worker is to end; requests may still run."""
        if self._served is not None:
            self._served.leave()

    def end(self, _arbiter: BrokerArbiter, _worker: Worker) -> None:
        """After the last request, in whichever way it ends but a kill."""
        self._closing.set()
        if self._served is None:
            return
        try:
            self._served.close()
        except Exception as defect:  # noqa: BLE001 - gunicorn would log its text, which may hold anything
            _log.error("the rooms were not closed: %s", told(defect))

    def _announce(self, served: Served) -> None:
        """Tell the arbiter once that the worker is ready, however long that takes."""
        while not served.ready():
            if self._closing.wait(_LOOK_EVERY_S):
                return
        self._ready.set()
        self._wire.tell(Word.READY)


def _say_why(error: Exception) -> None:
    text = str(error) if isinstance(error, BrokerError) else told(error)
    for line in text.splitlines():
        _log.error("this worker cannot start: %s", line)
