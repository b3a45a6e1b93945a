"""Answers to what the app never hears of: what is no HTTP, and what finds no room."""

import json
import logging
import socket

from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from broker.errors import REASONS, Reason
from broker.model.names import IssuanceId
from broker.server.problem import MEDIA_TYPE, document

BrokenBody = ParseException
"""What reading a body raises whose chunks are none."""

_log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (LimitRequestLine, 414, "URI Too Long"),
    (LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (ExpectationFailed, 417, "Expectation Failed"),
    (UnsupportedTransferCoding, 501, "Not Implemented"),
    (ParseException, 400, "Bad Request"),
)


def status_of(error: Exception) -> tuple[int, str]:
    """Status and phrase for what gunicorn raised when it parsed a request."""
    known = ((status, phrase) for kind, status, phrase in _STATUS if isinstance(error, kind))
    return next(known, (500, "Internal Server Error"))


def say(client: socket.socket, status: int, phrase: str, reason: Reason, answer_id: IssuanceId) -> None:
    """Answer without waiting, and as the last on this connection."""
    try:
        util.write_nonblock(client, _answer(status, phrase, reason, answer_id))
    except OSError:
        _log.debug("the peer is gone")


def _answer(status: int, phrase: str, reason: Reason, answer_id: IssuanceId) -> bytes:
    body = json.dumps(document(reason, answer_id) | {"title": phrase, "status": status})
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
