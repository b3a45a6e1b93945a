"""gunicorn's threaded worker and its log, without the places where they repeat what a client sent."""

import errno
import json
import logging
import socket
import ssl
from datetime import timedelta
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from broker.clock import SystemClock
from broker.errors import REASONS, Reason
from broker.http.arriving import ArrivingConnection
from broker.http.ids import new_id
from broker.http.problems import MEDIA_TYPE, REFERENCE
from broker.http.serving import FairWorker
from broker.logs import end_answer
from broker.model.names import IssuanceId

ADDRESS = "broker.address"
"""The key of the WSGI environment under which the believed address stands."""

ROUTE = "broker.route"
"""The key of the WSGI environment under which the route stands that a request was for."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""A method is the client's text too: others are not repeated."""

_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (LimitRequestLine, 414, "URI Too Long"),
    (LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (ExpectationFailed, 417, "Expectation Failed"),
    (UnsupportedTransferCoding, 501, "Not Implemented"),
    (ParseException, 400, "Bad Request"),
)


_log = logging.getLogger(__name__)
_access = logging.getLogger("broker.access")

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accept(2) says of this process or machine, and not of the connection."""

_PAUSE_S = 0.5


class QuietWorker(FairWorker):
    """Lives on without descriptors, and repeats nothing of what is no HTTP.

    gunicorn's own words on a broken request hold the offending header, which may be an access
    token. It ends where no descriptor is left for a connection, which is up to anybody who can
    connect.
    """

    _monotonic = SystemClock().monotonic
    _accepts_from = 0.0

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Called before each wait of the poller: what is asked for, but nothing during a pause."""
        super().set_accept_enabled(enabled and self._monotonic() >= self._accepts_from)

    def accept(self, listener: socket.socket) -> None:
        """Take one connection, if there is one and a descriptor for it."""
        try:
            accepted, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._pause(error)
            return
        self.welcome(self.app.guarded(accepted), peer, listener.getsockname())

    def _pause(self, error: OSError) -> None:
        """Leave connections in the kernel's queue: asked again at once, it would say the same."""
        if error.errno not in _EXHAUSTED:
            raise error
        _log.warning("accepting no connection for %s s: %s", _PAUSE_S, errno.errorcode[error.errno])
        self._accepts_from = self._monotonic() + _PAUSE_S
        self.set_accept_enabled(False)

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:  # noqa: ARG002 - gunicorn's signature
        """Called by gunicorn for what it could not parse, and for defects of its own."""
        if isinstance(exc, ssl.SSLError):
            return
        status, phrase = _status_of(exc)
        answer_id = new_id(SystemClock())
        reason = Reason.MALFORMED if status < 500 else Reason.INTERNAL_ERROR  # noqa: PLR2004 - HTTP's own boundary
        _log.warning("no request: %s", type(exc).__name__, extra={"issuance": answer_id})
        self.app.refused_unheard(reason)
        _say(client, _answer(status, phrase, reason, answer_id))

    def say_busy(self, conn: ArrivingConnection) -> None:
        """Answer a request for which there is no room at all."""
        answer_id = new_id(SystemClock())
        _log.warning("no room for a request", extra={"issuance": answer_id})
        self.app.refused_unheard(Reason.BROKER_BUSY)
        _say(conn.sock, _answer(503, "Service Unavailable", Reason.BROKER_BUSY, answer_id))


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's words in the operational log; one line for each request, in it nothing of the client's text.

    No query, no header, and no path as it was sent: clients put secrets into paths too.
    """

    def setup(self, cfg: Config) -> None:
        """Leave it to the operational log where lines go, and from which level up."""
        self.cfg = cfg
        self.error_log.propagate = True

    def access(self, resp: Any, req: object, environ: dict[str, Any], request_time: timedelta) -> None:  # noqa: ANN401, ARG002 - gunicorn's
        """Called by gunicorn when the answer was sent, or could not be."""
        if _access.isEnabledFor(logging.INFO):
            _access.info("request", extra=_facts(resp, environ, request_time))
        end_answer()


def _facts(answer: Any, environ: dict[str, Any], took: timedelta) -> dict[str, object]:  # noqa: ANN401 - gunicorn's
    method = environ.get("REQUEST_METHOD")
    return {
        "address": environ.get(ADDRESS) or environ.get("REMOTE_ADDR") or "-",
        "method": method if method in METHODS else "-",
        "route": environ.get(ROUTE, "-"),
        "status": answer.status_code,
        "bytes": answer.sent,
        "ms": took // timedelta(milliseconds=1),
    }


def _status_of(exc: Exception) -> tuple[int, str]:
    known = ((status, phrase) for kind, status, phrase in _STATUS if isinstance(exc, kind))
    return next(known, (500, "Internal Server Error"))


def _say(client: socket.socket, answer: bytes) -> None:
    try:
        util.write_nonblock(client, answer)
    except OSError:
        _log.debug("the peer is gone")


def _answer(status: int, phrase: str, reason: Reason, answer_id: IssuanceId) -> bytes:
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
    wait_s = REASONS[reason].retry_after_s
    retry_after = "" if wait_s is None else f"Retry-After: {wait_s}\r\n"
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n{retry_after}"
        "Connection: close\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n"
        "Cache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
