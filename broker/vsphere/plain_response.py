"""The head of vCenter's answers, read with less work and less patience than http.client has.

http.client gives the headers to a parser for e-mail, which costs more than all that is read after it.
"""

import re
from http import HTTPStatus
from http.client import (
    BadStatusLine,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    LineTooLong,
    RemoteDisconnected,
)
from typing import Protocol

_STATUS = re.compile(rb"HTTP/1\.([01]) ([2-5][0-9]{2})(?: ([^\r\n]*))?\r?\n")
"""An interim answer (1xx) comes to whoever asks for one, and nobody does here."""

_MOST_OF_A_LINE = 64 * 1024
_MOST_HEADERS = 100


class PackedAnswerError(HTTPException):
    """An answer is compressed, which nobody asked for."""


class PlainResponse(HTTPResponse):
    """An answer whose length is the length of what was sent.

    pyVmomi unpacks what says that it is packed, asked for or not, and a packed answer can be a
    thousand times as long, unpacked in one step that no deadline interrupts.
    """

    def begin(self) -> None:
        """Read the head of the answer. Raises HTTPException, RemoteDisconnected."""
        minor, self.status, self.reason = _status(_line(self.fp))
        self.code = self.status
        self.version = 10 + minor
        self.headers = self.msg = _headers(self.fp)
        if self.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise PackedAnswerError
        self.chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = None if self.chunked else self._announced()
        told_to_close = "close" in self.headers.get("Connection", "").lower()
        self.will_close = told_to_close or minor == 0 or (self.length is None and not self.chunked)

    def _announced(self) -> int | None:
        if self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return 0
        told = self.headers.get("Content-Length", "")
        return int(told) if told.isascii() and told.isdecimal() else None


class _Lines(Protocol):
    def readline(self, limit: int = ..., /) -> bytes: ...


def _line(source: _Lines) -> bytes:
    line = source.readline(_MOST_OF_A_LINE + 1)
    if len(line) > _MOST_OF_A_LINE:
        raise LineTooLong("head of an answer")
    return line


def _status(line: bytes) -> tuple[int, int, str]:
    """Minor version, status and reason."""
    if not line:
        raise RemoteDisconnected("the connection ended before the answer")
    told = _STATUS.fullmatch(line)
    if told is None:
        raise BadStatusLine("no status line of HTTP/1")
    return int(told[1]), int(told[2]), (told[3] or b"").decode("iso-8859-1").strip()


def _headers(source: _Lines) -> HTTPMessage:
    headers = HTTPMessage()
    for _ in range(_MOST_HEADERS):
        line = _line(source).rstrip(b"\r\n")
        if not line:
            return headers
        name, _, value = line.decode("iso-8859-1").partition(":")
        headers[name] = value.strip()
    raise HTTPException("too many headers")
