"""Where metrics are read: `GET /metrics` and nothing else, and nobody who stalls is waited for."""

import contextlib
import errno
import io
import socket
import ssl
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from logging import getLogger
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from broker.defects import told
from broker.ports.clock import Clock

PATH = "/metrics"

MOST_OPEN = 8
"""Connections at once. One more ends the oldest: a scrape takes milliseconds, so that one stalls."""

WHOLE_S = 5.0
"""A connection ends after so long, whatever it is doing."""

_HEAD_BYTES = 16 * 1024
_PAUSE_S = 0.5
_LOOK_EVERY_S = 0.2
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = getLogger(__name__)


class MetricsServer(ThreadingMixIn, TCPServer):
    """Shows one registry on one port. Raises OSError where the port cannot be had.

    The standard library's HTTPServer asks the DNS for its own name, so this is none.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        tls: Callable[[], ssl.SSLContext] | None,
        registry: CollectorRegistry,
        clock: Clock,
    ) -> None:
        self.address_family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET  # noqa: PLR2004
        self._tls = tls
        self._clock = clock
        self._books = threading.Lock()
        self._open: OrderedDict[socket.socket, float] = OrderedDict()
        self._closing = threading.Event()
        super().__init__((host, port), _handler_for(registry))
        serving = partial(self.serve_forever, _LOOK_EVERY_S)
        self._thread = threading.Thread(target=serving, name="metrics", daemon=True)

    def start(self) -> None:
        """Answer, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more, and end whoever is connected."""
        self._closing.set()
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self.shutdown()
        self._thread.join()
        self._end_all_but(0)
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; the handshake is left to the connection's thread. Raises OSError."""
        try:
            connection, peer = self.socket.accept()
        except OSError as error:
            if error.errno in _EXHAUSTED:  # asked again at once, the kernel would say the same
                self._closing.wait(_PAUSE_S)
            raise
        if self._tls is not None:
            context = self._tls()
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        connection.settimeout(WHOLE_S)
        return connection, peer

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's signature
        """Give the connection a thread, and make place for it."""
        with self._books:
            self._open[request] = self._clock.monotonic() + WHOLE_S
        self._end_all_but(MOST_OPEN)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's signature
        """Shake hands where there is TLS, then answer one request."""
        if isinstance(request, ssl.SSLSocket):
            request.do_handshake()
        super().finish_request(request, client_address)

    def service_actions(self) -> None:
        """Called at each look: end what lasts too long."""
        now = self._clock.monotonic()
        with self._books:
            for connection, until in self._open.items():
                if until <= now:
                    _hang_up(connection)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the library's signature
        """The connection's thread is done with it."""
        with self._books:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - the library's signature
        """Peers that go away, stall or speak no TLS are nothing to tell; defects are."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            _log.error("metrics could not be shown: %s", told(error))

    def _end_all_but(self, count: int) -> None:
        with self._books:
            for connection in list(self._open)[: max(0, len(self._open) - count)]:
                _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    """Wake the connection's thread, which closes it: past TLS, whose state is that thread's."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Head(io.BufferedReader):
    """Reads no more of a request than a head may have; what comes after is no head any more."""

    def __init__(self, raw: Any) -> None:  # noqa: ANN401 - any stream
        super().__init__(raw)
        self._left = _HEAD_BYTES

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(line)
        return line


class _Handler(BaseHTTPRequestHandler):
    """One request on one connection. Repeats nothing of it, and logs nothing."""

    registry: CollectorRegistry

    def setup(self) -> None:
        super().setup()
        self.rfile = _Head(self.rfile.detach())

    def version_string(self) -> str:
        """The library would tell the interpreter's version."""
        return "broker"

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        self._answer(HTTPStatus.OK, content_type, encode(self.registry))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - the library's signature
        """Called by the library too, whose own message repeats the method."""
        known = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._answer(known, "text/plain; charset=utf-8", f"{known.value} {known.phrase}\n".encode())

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: it would print what was sent."""


def _handler_for(registry: CollectorRegistry) -> type[_Handler]:
    class Handler(_Handler):
        pass

    Handler.registry = registry
    return Handler
