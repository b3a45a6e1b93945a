"""HTTP/1.1 over TLS on loopback: `/sdk` for SOAP, and the documents that clients read before it."""

import logging
import socket
import ssl
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, cast

from broker.lab.soap.dispatcher import Dispatcher, Message

_log = logging.getLogger(__name__)

IDLE_S = 120.0
"""A silent connection is closed after this long."""

LARGEST_BODY = 8 * 1024 * 1024
COOKIE = "vmware_soap_session"
_XML = "text/xml; charset=utf-8"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: "SoapServer") -> None:
        self.owner = owner
        super().__init__(address, _Connection)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base's
        """A client that went away, or spoke no TLS, is no news."""
        _log.debug("a connection ended early", exc_info=True)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_S
    _REASONS: ClassVar = {
        200: "OK",
        404: "Not Found",
        413: "Content Too Large",
        500: "Internal Server Error",
        503: "Service Unavailable",
    }

    def setup(self) -> None:
        """TLS here, in the connection's own thread: a slow handshake holds up nobody else."""
        self.owner = cast("_Listener", self.server).owner
        self.request.settimeout(IDLE_S)
        self.request = self.owner.secure(self.request)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.owner.forget(self.request)
        self.request.close()

    def do_POST(self) -> None:
        """SOAP."""
        body = self._chunks() if "chunked" in (self.headers.get("Transfer-Encoding") or "") else self._sized()
        if body is None:
            self.close_connection = True
            self._reply(413, b"", "text/plain", None)
            return
        if self.path.partition("?")[0].rstrip("/") not in {"/sdk", "/sdk/vimService"}:
            self._reply(404, b"", "text/plain", None)
            return
        answer = self.owner.dispatcher.answer(self._message(body))
        if answer.lost:
            self.close_connection = True
            return
        self._reply(answer.status, answer.body, _XML, answer.cookie)

    def do_GET(self) -> None:
        """The list of versions, and a WSDL that names the service."""
        document = self.owner.documents.get(self.path.removesuffix(".wsdl"))
        if document is None:
            self._reply(404, b"", "text/plain", None)
        else:
            self._reply(200, document, _XML, None)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Quiet: the lab counts calls elsewhere."""

    def _sized(self) -> bytes | None:
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length <= LARGEST_BODY else None

    def _chunks(self) -> bytes | None:
        """A body in chunks, as Go's clients send it; None for one that is too large."""
        body = bytearray()
        while size := int(self.rfile.readline(64).partition(b";")[0], 16):
            if len(body) + size > LARGEST_BODY:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(64)
        while self.rfile.readline(1024).strip():
            pass
        return bytes(body)

    def _message(self, body: bytes) -> Message:
        return Message(
            soap_action=self.headers.get("SOAPAction") or "",
            cookie=_cookie(self.headers.get("Cookie") or ""),
            remote=self.client_address[0],
            user_agent=self.headers.get("User-Agent") or "",
            body=body,
        )

    def _reply(self, status: int, body: bytes, content_type: str, cookie: str | None) -> None:
        lines = [
            f"HTTP/1.1 {status} {self._REASONS[status]}",
            "Cache-Control: no-cache",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
            f"Date: {formatdate(usegmt=True)}",
            f"Connection: {'close' if self.close_connection else 'Keep-Alive'}",
            "Vary: Accept-Encoding",
        ]
        if cookie is not None:
            lines.append(f'Set-Cookie: {COOKIE}="{cookie}"; Path=/; HttpOnly; Secure;')
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def _cookie(header: str) -> str:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""


class SoapServer:
    """Serves one dispatcher on one loopback address; port 0 takes any free one."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        tls: ssl.SSLContext,
        documents: dict[str, bytes],
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.dispatcher = dispatcher
        self.documents = documents
        self._tls = tls
        self._open: set[ssl.SSLSocket] = set()
        self._lock = threading.Lock()
        self._listener = _Listener(address, self)
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="lab-vcenter",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.server_address[1])

    def start(self) -> None:
        """Take connections."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection."""
        self._listener.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        with self._lock:
            connections = list(self._open)
        for each in connections:
            _shut(each)

    def secure(self, raw: socket.socket) -> ssl.SSLSocket:
        """Shake hands with a client."""
        try:
            raw.getpeername()  # ssl loses the socket of a client that has gone, and nobody could close it
            secured = self._tls.wrap_socket(raw, server_side=True)
        except OSError:
            raw.close()
            raise
        with self._lock:
            self._open.add(secured)
        return secured

    def forget(self, connection: ssl.SSLSocket) -> None:
        """The connection has ended."""
        with self._lock:
            self._open.discard(connection)


def _shut(connection: ssl.SSLSocket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # it went away by itself in the meantime
        _log.debug("a connection was closed already")
