"""gunicorn's threaded worker and its log, without the places where they repeat what a client sent."""

import errno
import json
import selectors
import socket
import ssl
from functools import partial

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import TConn, ThreadWorker

from broker.clock import SystemClock
from broker.errors import REASONS, Reason
from broker.http.ids import new_id
from broker.http.problems import MEDIA_TYPE, REFERENCE
from broker.model.names import IssuanceId

ACCESS_FORMAT = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'
"""Address, method, route, status, bytes, time: no query, no header, and no path as it was sent, since
clients put secrets into paths too."""

ADDRESS = "broker.address"
"""The key of the WSGI environment under which the believed address stands."""

ROUTE = "broker.route"
"""The key of the WSGI environment under which the route stands that a request was for."""

_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (LimitRequestLine, 414, "URI Too Long"),
    (LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (ExpectationFailed, 417, "Expectation Failed"),
    (UnsupportedTransferCoding, 501, "Not Implemented"),
    (ParseException, 400, "Bad Request"),
)


_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accept(2) says of this process or machine, and not of the connection."""

_PAUSE_S = 0.5


class QuietWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gives no thread to a silent connection, and repeats nothing of what is no HTTP.

    gunicorn lets a thread wait 5 s for a connection's first byte, and its own words on a broken
    request hold the offending header, which may be an access token. It ends where no descriptor
    is left for a connection, which is up to anybody who can connect.
    """

    _monotonic = SystemClock().monotonic
    _accepts_from = 0.0

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Called before each wait of the poller: what is asked for, but nothing during a pause."""
        super().set_accept_enabled(enabled and self._monotonic() >= self._accepts_from)

    def accept(self, listener: socket.socket) -> None:
        """Let the poller wait for the first byte."""
        try:
            accepted, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._pause(error)
            return
        self.nr_conns += 1
        connection = TConn(self.cfg, accepted, peer, listener.getsockname())
        connection.set_timeout()
        self.pending_conns.append(connection)
        ready = partial(self.on_pending_socket_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, ready)

    def _pause(self, error: OSError) -> None:
        """Leave connections in the kernel's queue: asked again at once, it would say the same."""
        if error.errno not in _EXHAUSTED:
            raise error
        self.log.warning("accepting no connection for %s s: %s", _PAUSE_S, errno.errorcode[error.errno])
        self._accepts_from = self._monotonic() + _PAUSE_S
        self.set_accept_enabled(False)

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:  # noqa: ARG002 - gunicorn's signature
        """Called by gunicorn for what it could not parse, and for defects of its own."""
        if isinstance(exc, ssl.SSLError):
            return
        status, phrase = _status_of(exc)
        answer_id = new_id(SystemClock())
        self.log.warning("answer %s: no request: %s", answer_id, type(exc).__name__)
        try:
            util.write_nonblock(client, _answer(status, phrase, answer_id))
        except OSError:
            self.log.debug("the peer is gone")


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """An access log in which one request is one line and nothing in it is the client's text."""

    def atoms(
        self, resp: object, req: object, environ: dict[str, object], request_time: object
    ) -> dict[str, object]:
        """What ACCESS_FORMAT can name."""
        atoms: dict[str, object] = super().atoms(resp, req, environ, request_time)
        address = environ.get(ADDRESS) or environ.get("REMOTE_ADDR") or "-"
        return atoms | {"U": environ.get(ROUTE, "-"), "h": address}


def _status_of(exc: Exception) -> tuple[int, str]:
    known = ((status, phrase) for kind, status, phrase in _STATUS if isinstance(exc, kind))
    return next(known, (500, "Internal Server Error"))


def _answer(status: int, phrase: str, answer_id: IssuanceId) -> bytes:
    reason = Reason.MALFORMED if status < 500 else Reason.INTERNAL_ERROR  # noqa: PLR2004 - HTTP's own boundary
    body = json.dumps(
        {
            "type": f"{REFERENCE}#{reason}",
            "title": phrase,
            "status": status,
            "code": str(reason),
            "id": answer_id,
            "advice": REASONS[reason].advice,
        }
    )
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n"
        "Connection: close\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n"
        "Cache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
