"""One worker of gunicorn's threaded kind, with other answers to its four questions.

- Who gets a thread: the apps in turn, each for a request that is there as a whole. gunicorn gives
  one to a connection as soon as anything came of it, and serves first come first served.
- What if descriptors run out: it takes no connection for a while. gunicorn ends, which is then up to
  anybody who can connect.
- What is said of what is no HTTP: its kind. gunicorn repeats the offending header, which may be an
  access token.
- How it leaves: so that whoever talks to it notices nothing.
"""

import errno
import logging
import signal
import socket
import ssl
from concurrent.futures import Future
from functools import partial
from types import FrameType

from gunicorn.workers.gthread import ThreadWorker

from broker.clock import SystemClock
from broker.errors import Reason
from broker.ids import new_issuance_id
from broker.server.arriving import ArrivingConnection, Waiting
from broker.server.lanes import ARRIVALS, BUSY, LAPSE_S, UNKNOWN, LaneFull
from broker.server.threads import FairThreads
from broker.server.unheard import say, status_of

_log = logging.getLogger(__name__)

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accept(2) says of this process or machine, and not of the connection."""

_PAUSE_S = 0.5
_CLOCK = SystemClock()


class BrokerWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Its application is a `BrokerServer`. Unless it says otherwise, a method runs in the poller's thread."""

    alive: bool
    tpool: FairThreads

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self._waiting = Waiting()
        self._accepts_from = 0.0

    # Beginning and leaving

    def get_thread_pool(self) -> FairThreads:
        """Called by gunicorn in the worker process, before the rooms are built."""
        threads: FairThreads = self.app.threads
        threads.start()
        return threads

    def init_signals(self) -> None:
        """Leave the terminal's Ctrl-C, which every process gets, to the arbiter: it ends the workers."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: what runs may end, within its bounds."""
        self.app.leave()
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Called at each turn of the loop; a worker whose arbiter is gone leaves."""
        if self.alive and not super().is_parent_alive():
            self.app.leave()
            self.alive = False
        return self.alive

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Called at each turn of the loop; while requests wait, often enough to see whose turn it is."""
        super().wait_for_and_dispatch_events(min(timeout, LAPSE_S) if self.tpool.queued() else timeout)
        self.tpool.look()

    # Connections

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Called before each wait of the poller: what is asked for, but nothing during a pause.

        Lets go of the listener when leaving: once nobody holds it, the system refuses who connects.
        gunicorn keeps it until the last request has ended, and who connects waits in vain.
        """
        super().set_accept_enabled(enabled and _CLOCK.monotonic() >= self._accepts_from)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()

    def accept(self, listener: socket.socket) -> None:
        """Take one connection, if there is one and a descriptor for it, and wait for its first bytes."""
        try:
            accepted, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._pause(error)
            return
        self.nr_conns += 1
        sock = self.app.guarded(accepted)
        self._wait_for(ArrivingConnection(self.cfg, sock, peer, listener.getsockname(), self.app.deadlines))

    def murder_pending(self) -> None:
        """Called at each turn of the loop: end those of which no request came in time."""
        if not self.alive:
            self._waiting.hurry()
        for conn in self._waiting.overdue():
            self._no_longer(conn)
            self._drop(conn)

    def _pause(self, error: OSError) -> None:
        """Leave connections in the kernel's queue: asked again at once, it would say the same."""
        if error.errno not in _EXHAUSTED:
            raise error
        _log.warning("accepting no connection for %s s: %s", _PAUSE_S, errno.errorcode[error.errno])
        self._accepts_from = _CLOCK.monotonic() + _PAUSE_S
        self.set_accept_enabled(False)

    def _wait_for(self, conn: ArrivingConnection) -> None:
        self._waiting.add(conn)
        self.poller.register(conn.sock, conn.waits_for, partial(self._something_came, conn))

    def _something_came(self, conn: ArrivingConnection, _: object) -> None:
        self._no_longer(conn)
        self.enqueue_req(conn)

    def _no_longer(self, conn: ArrivingConnection) -> None:
        self._waiting.discard(conn)
        self.poller.unregister(conn.sock)

    def _drop(self, conn: ArrivingConnection) -> None:
        """End a connection on which nothing is served."""
        self.nr_conns -= 1
        conn.close()

    # Requests

    def enqueue_req(self, conn: ArrivingConnection) -> None:
        """Called when something came.

        What is read costs little. A handshake costs a signature, so another thread goes on with it.
        """
        if conn.secure:
            self._go_on(conn, self._look(conn))
        else:
            self.tpool.put(ARRIVALS, partial(self._shake_hands, conn))

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:  # noqa: ARG002 - gunicorn's signature
        """Called by gunicorn, in a thread of the pool, for what it could not parse and for defects."""
        if isinstance(exc, ssl.SSLError):
            return
        status, phrase = status_of(exc)
        reason = Reason.MALFORMED if status < 500 else Reason.INTERNAL_ERROR  # noqa: PLR2004 - HTTP's own boundary
        self._say(client, status, phrase, reason, f"no request: {type(exc).__name__}")

    def _look(self, conn: ArrivingConnection) -> bool | None:
        """Whether its request is whole; None where none will be. Waits for nothing."""
        try:
            return conn.arrived()
        except OSError as error:  # of TLS too
            self.log.debug("a connection ended before its request was whole: %s", type(error).__name__)
            return None

    def _go_on(self, conn: ArrivingConnection, whole: bool | None) -> None:  # noqa: FBT001 - what `_look` says
        if whole is None:
            self._drop(conn)
        elif whole:
            self._queue(conn)
        else:
            self._wait_for(conn)

    def _shake_hands(self, conn: ArrivingConnection) -> None:
        """Runs in a thread of the pool."""
        self.method_queue.defer(self._go_on, conn, self._look(conn))

    def _queue(self, conn: ArrivingConnection) -> None:
        """In the lane of the app whose token the request shows, or turned away where there is no room."""
        token = conn.token()
        lane = (self.app.holder(token) if token else None) or UNKNOWN
        for each in (lane, BUSY):
            try:
                self.tpool.put(each, partial(self._serve, conn))
            except LaneFull:
                continue
            return
        self._say(conn.sock, 503, "Service Unavailable", Reason.BROKER_BUSY, "no room for a request")
        self._drop(conn)

    def _serve(self, conn: ArrivingConnection) -> None:
        """Runs in a thread of the pool."""
        ended: Future[object] = Future()
        ended.set_result(self.handle(conn))
        self.method_queue.defer(self.finish_request, conn, ended)

    def _say(self, client: socket.socket, status: int, phrase: str, reason: Reason, why: str) -> None:
        answer_id = new_issuance_id(_CLOCK)
        _log.warning(why, extra={"issuance": answer_id})
        self.app.refused_unheard(reason)
        say(client, status, phrase, reason, answer_id)
