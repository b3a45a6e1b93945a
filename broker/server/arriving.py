"""A thread is given to a request once the whole of it is there: until then the poller waits for it.

gunicorn gives a thread to a connection as soon as anything came of it, be it half a TLS hello, and
that thread waits for the rest: whoever can connect can take every thread there is. What is too long
to be waited for here, and a body whose length its head does not tell, is read by a thread all the
same, within the time that broker.server.sockets gives it.
"""

import re
import socket
import ssl
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import TConn

from broker.clock import SystemClock
from broker.server.sockets import Deadlines

MOST_BYTES = 64 * 1024
"""Waited for of one request: 1,000 connections hold 64 MB at most."""

LEAVE_S = 2.0
"""At the end of its process a connection has so long for the rest of its request."""

_LOOK_EVERY_S = 0.5
_READ_BYTES = 16 * 1024
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,6})[ \t]*\r\n", re.IGNORECASE)
_OTHERWISE = re.compile(rb"\r\n(transfer-encoding|expect)[ \t]*:", re.IGNORECASE)
_BEARER = re.compile(rb"\r\nauthorization:[ \t]*bearer +([A-Za-z0-9._~+/=-]+)[ \t]*\r\n", re.IGNORECASE)

_monotonic = SystemClock().monotonic


def is_whole(came: bytes | bytearray) -> bool:
    """Whether nothing more is to be waited for. What the bytes mean is decided by gunicorn's parser alone."""
    end = came.find(_HEAD_END)
    if end < 0:
        return len(came) >= MOST_BYTES
    head = bytes(came[: end + len(_HEAD_END)])
    length = _LENGTH.search(head)
    if length is None or _OTHERWISE.search(head):
        return True
    whole = len(head) + int(length[1])
    return len(came) >= whole or whole > MOST_BYTES


class ArrivingConnection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """One on which the next request arrives: nothing here waits.

    `until` is when it must have arrived, and `waits_for` the event without which nothing more does.
    """

    sock: socket.socket
    parser: Any

    def __init__(
        self, cfg: Config, sock: socket.socket, client: object, server: object, deadlines: Deadlines
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self._deadlines = deadlines
        self.secure = not cfg.is_ssl
        """Whether no TLS handshake is due any more."""
        self._came = bytearray()
        self.data_ready = True  # or gunicorn's thread would wait for it
        self.waits_for = EVENT_READ
        self.until = _monotonic() + deadlines.handshake_s

    def arrived(self) -> bool:
        """Take in what came; whether a request is whole. Raises OSError where none will be in time."""
        if self.parser is not None and not self._came:
            self.until = _monotonic() + self.cfg.keepalive
            self._took(self.parser.unreader.take_buffered())
        self.waits_for = EVENT_READ
        with suppress(ssl.SSLWantReadError, BlockingIOError):
            try:
                self._shake_hands()
                self._read()
            except ssl.SSLWantWriteError:
                self.waits_for = EVENT_WRITE
        whole = is_whole(self._came)
        if not whole and _monotonic() >= self.until:
            raise ConnectionResetError("the peer was too slow")
        return whole

    def token(self) -> str | None:
        """The bearer token that the request shows, if it shows one; what it is worth is not known here."""
        found = _BEARER.search(self._came, 0, self._came.find(_HEAD_END) + len(_HEAD_END))
        return found[1].decode("ascii") if found else None

    def init(self) -> None:
        """Called by gunicorn before it parses: from here on a thread reads, and may wait."""
        if self.parser is None:
            self.initialized = True
            self.parser = get_parser(self.cfg, self.sock, self.client)
        self.parser.unreader.unread(bytes(self._came))
        self._came.clear()

    def close(self, graceful: bool = False) -> None:  # noqa: FBT001, FBT002 - gunicorn's signature
        """Called once, when the connection is not to be used again; whatever became of it.

        gunicorn takes a connection off its count a second time where closing it fails, as it does
        after a handshake that was broken off. A worker that leaves then does not wait for as many
        requests as there were such connections, and it would hold more connections than it may.
        """
        try:
            super().close(graceful)
        except OSError:
            util.close(self.sock)

    def _shake_hands(self) -> None:
        if self.secure:
            return
        sock = self.sock
        if not isinstance(sock, ssl.SSLSocket):
            sock = self.sock = ssl_wrap_socket(sock, self.cfg)
        sock.do_handshake()
        self.secure = True
        self.until = _monotonic() + self.cfg.keepalive

    def _read(self) -> None:
        while not is_whole(self._came):
            data = self.sock.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("the peer ended before its request was whole")
            self._took(data)

    def _took(self, data: bytes) -> None:
        if data and not self._came:
            self.until = _monotonic() + self._deadlines.request_s
        self._came += data


class Waiting:
    """The connections of which no whole request is there yet."""

    def __init__(self) -> None:
        self._all: set[ArrivingConnection] = set()
        self._look_at = 0.0
        self._at_latest = float("inf")

    def add(self, conn: ArrivingConnection) -> None:
        """Its request is waited for."""
        self._all.add(conn)

    def discard(self, conn: ArrivingConnection) -> None:
        """Something came of it, or nothing will."""
        self._all.discard(conn)

    def hurry(self) -> None:
        """The process ends: from the first call on each has LEAVE_S at most."""
        self._at_latest = min(self._at_latest, _monotonic() + LEAVE_S)

    def overdue(self) -> list[ArrivingConnection]:
        """Those whose time is over; looked for now and then only."""
        now = _monotonic()
        if now < self._look_at:
            return []
        self._look_at = now + _LOOK_EVERY_S
        return [each for each in self._all if min(each.until, self._at_latest) <= now]
