"""`broker serve` as processes: gunicorn's arbiter, and workers that hold the rooms and their threads."""

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from broker.clock import SystemClock
from broker.errors import Reason
from broker.model.settings import ServerSettings, TlsListener, UnixListener
from broker.server import descriptors
from broker.server.access_log import QuietLogger
from broker.server.arbiter import BrokerArbiter, Farewell
from broker.server.crew import Wire
from broker.server.life import Served, WorkerLife
from broker.server.running import WsgiApp
from broker.server.sockets import Deadlines, TimelySocket, TimelySSLSocket, timely
from broker.server.threads import FairThreads
from broker.server.worker import BrokerWorker
from broker.tls import ServerContext

KEEP_ALIVE_S = 5
BEYOND_CLOSE_S = 10
"""A worker without a sign of life is killed after the time for closing the rooms and so many seconds.

Requests run in threads, so nothing but building and closing the rooms keeps its loop from giving one.
"""
SOCKET_UMASK = 0o117
"""The Unix socket is 0660: for the broker's user and the proxy's group."""


class BrokerServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Listens as the settings say and serves what `build` makes.

    `build` is handed the threads that serve the requests. It runs in each worker process, after the
    fork: threads and connections do not survive one. `close` of what it made runs there too, after
    the last request. `on_hangup` runs in the arbiter at SIGHUP, which restarts nothing; SIGUSR2
    replaces the workers one after the other.
    `on_listening` is told the address once it accepts connections: (host, port) or the socket's path.
    """

    def __init__(
        self,
        settings: ServerSettings,
        build: Callable[[FairThreads], Served],
        on_hangup: Callable[[], None],
        on_listening: Callable[[Any], None] = lambda _: None,
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
        farewell: Farewell = Farewell(),  # noqa: B008 - frozen
    ) -> None:
        self._settings = settings
        self._on_hangup = on_hangup
        self._on_listening = on_listening
        self.deadlines = deadlines
        """Within which workers must have a request."""
        self.threads = FairThreads(settings.threads, SystemClock().monotonic)
        """Of each worker; they start there."""
        self._plain_socket = timely(TimelySocket, deadlines, self.threads)
        self._farewell = farewell
        self._wire = Wire()
        self._life = WorkerLife(partial(build, self.threads), self._wire)
        super().__init__()

    def load_config(self) -> None:
        """Everything is set here: no file, no argument and no environment variable changes it.

        Raises the soft limit of descriptors too, since the number of connections follows from it.
        """
        for name, value in (self._common() | self._listener()).items():
            self.cfg.set(name, value)

    def load(self) -> WsgiApp:
        """Build the rooms. Called in the worker process, once."""
        return self._life.begin()

    def holder(self, token: str) -> str | None:
        """Whose access token this is, as far as it was verified before in this worker process."""
        return self._life.holder(token)

    def leave(self) -> None:
        """The worker ends soon. Called there, in a signal handler too."""
        self._life.leave()

    def refused_unheard(self, reason: Reason) -> None:
        """What was no HTTP was answered without the app. Called in the worker process."""
        self._life.refused_unheard(reason)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; ends with SystemExit."""
        BrokerArbiter(self, self._wire, self._on_hangup, self._farewell).run()

    def _common(self) -> dict[str, Any]:
        return {
            "workers": self._settings.workers,
            "worker_class": BrokerWorker,
            "threads": self._settings.threads,
            "worker_connections": descriptors.connections(descriptors.raised_limit(), self._settings.threads),
            "graceful_timeout": self._farewell.requests_s,
            "timeout": self._farewell.close_s + BEYOND_CLOSE_S,
            "keepalive": KEEP_ALIVE_S,
            "preload_app": False,
            "control_socket_disable": True,
            "http_parser": "python",
            "http_protocols": "h1",
            "header_map": "drop",
            "forwarder_headers": "",
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "proxy_protocol": "off",
            "limit_request_line": 4094,
            "limit_request_fields": 50,
            "limit_request_field_size": 8190,
            "logger_class": QuietLogger,
            "proc_name": "broker-serve",
            "umask": SOCKET_UMASK,
            "when_ready": self._ready,
            "post_fork": self._life.forked,
            "post_worker_init": self._life.warm_up,
            "worker_exit": self._life.end,
        }

    def guarded(self, accepted: socket.socket) -> socket.socket:
        """A connection that has deadlines; on one for TLS the handshake brings them along."""
        if isinstance(self._settings.listener, UnixListener):
            return self._plain_socket(fileno=accepted.detach())
        return accepted

    def _listener(self) -> dict[str, Any]:
        match self._settings.listener:
            case UnixListener(path):
                return {"bind": f"unix:{path}"}
            case TlsListener(host, port, certificate, key):
                tls_socket = timely(TimelySSLSocket, self.deadlines, self.threads)
                contexts = ServerContext(certificate, key, tls_socket)
                return {
                    "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                    "certfile": str(certificate),
                    "keyfile": str(key),
                    "ssl_context": lambda _conf, _default: contexts.current(),
                }

    def _ready(self, arbiter: Arbiter) -> None:
        self._on_listening(arbiter.LISTENERS[0].getsockname())
