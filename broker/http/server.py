"""`broker serve` as processes: gunicorn's arbiter, and one worker that holds the rooms and their threads."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from broker.defects import told
from broker.http import descriptors
from broker.http.deadline import Deadlines, deadline_socket
from broker.http.tls import ServerContext
from broker.http.worker import QuietLogger, QuietWorker
from broker.model.settings import ServerSettings, TlsListener, UnixListener

_log = logging.getLogger(__name__)

KEEP_ALIVE_S = 5
SOCKET_UMASK = 0o117
"""The Unix socket is 0660: for the broker's user and the proxy's group."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """In seconds: how long requests that run at SIGTERM may take, then how long `Served.close` may.

    What takes longer than both together is killed.
    """

    requests_s: int = 30
    close_s: int = 20


@dataclass(frozen=True, slots=True)
class Served:
    """What runs in the worker process: the app, and how to close the rooms behind it.

    `leave` is called when the process is told to end, inside a signal handler, before requests
    that run are waited for.
    """

    app: Flask
    leave: Callable[[], None]
    close: Callable[[], None]


class BrokerServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Listens as the settings say and serves what `build` makes.

    `build` runs in the worker process, after the fork: threads and connections do not survive
    one. `close` of what it made runs there too, after the last request. `on_hangup` runs in the
    arbiter at SIGHUP, which restarts nothing. `on_listening` is told the address once it accepts
    connections: (host, port) or the socket's path.
    """

    def __init__(
        self,
        settings: ServerSettings,
        build: Callable[[], Served],
        on_hangup: Callable[[], None],
        on_listening: Callable[[Any], None] = lambda _: None,
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
        farewell: Farewell = Farewell(),
    ) -> None:
        self._settings = settings
        self._build = build
        self._on_hangup = on_hangup
        self._on_listening = on_listening
        self._deadlines = deadlines
        self._farewell = farewell
        self._served: Served | None = None
        super().__init__()

    def load_config(self) -> None:
        """Everything is set here: no file, no argument and no environment variable changes it.

        Raises the soft limit of descriptors too, since the number of connections follows from it.
        """
        for name, value in (self._common() | self._listener()).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the rooms. Called in the worker process, once."""
        self._served = self._build()
        return self._served.app

    def leave(self) -> None:
        """The worker was told to end."""
        if self._served is not None:
            self._served.leave()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; ends with SystemExit."""
        _QuietArbiter(self, self._on_hangup, self._farewell).run()

    def _common(self) -> dict[str, Any]:
        return {
            "workers": self._settings.workers,
            "worker_class": QuietWorker,
            "threads": self._settings.threads,
            "worker_connections": descriptors.connections(descriptors.raised_limit(), self._settings.threads),
            "graceful_timeout": self._farewell.requests_s,
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
            "worker_exit": self._closed,
        }

    def _listener(self) -> dict[str, Any]:
        match self._settings.listener:
            case UnixListener(path):
                return {"bind": f"unix:{path}"}
            case TlsListener(host, port, certificate, key):
                contexts = ServerContext(certificate, key, deadline_socket(self._deadlines))
                return {
                    "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                    "certfile": str(certificate),
                    "keyfile": str(key),
                    "ssl_context": lambda _conf, _default: contexts.current(),
                }

    def _ready(self, arbiter: Arbiter) -> None:
        self._on_listening(arbiter.LISTENERS[0].getsockname())

    def _closed(self, _arbiter: Arbiter, _worker: object) -> None:
        if self._served is None:
            return
        try:
            self._served.close()
        except Exception as defect:  # noqa: BLE001 - gunicorn would log its text, which may hold anything
            _log.error("the rooms were not closed: %s", told(defect))


class _QuietArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """An arbiter that reloads no code and multiplies nothing: limits and sessions live in one worker."""

    def __init__(self, app: BrokerServer, on_hangup: Callable[[], None], farewell: Farewell) -> None:
        super().__init__(app)
        self._on_hangup = on_hangup
        self._farewell = farewell

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
            _log.error("the reload at SIGHUP failed: %s", type(error).__name__)

    def handle_int(self) -> None:
        """As SIGTERM: what runs may end."""
        self.handle_term()

    def handle_ttin(self) -> None:
        """No second worker."""

    def handle_ttou(self) -> None:
        """No fewer workers."""

    def handle_usr2(self) -> None:
        """No second arbiter."""
