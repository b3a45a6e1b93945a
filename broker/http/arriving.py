"""A thread is given to a request once the whole of it is there: until then the poller waits for it.

gunicorn gives a thread to a connection as soon as anything came of it, be it half a TLS hello, and
that thread waits for the rest: whoever can connect can take every thread there is. What is too long
to be waited for here, and a body whose length its head does not tell, is read by a thread all the
same, within the time that broker.http.deadline gives it.
"""

import re
import socket
import ssl
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.sock import ssl_wrap_socket

from broker.clock import SystemClock
from broker.http.deadline import Deadlines
from broker.http.leaving import Connection, LeavingWorker

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


class ArrivingConnection(Connection):
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


class ArrivingWorker(LeavingWorker):
    """Holds connections until a request is whole, or its time is over."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self._waiting: set[ArrivingConnection] = set()
        self._look_at = 0.0
        self._left_at: float | None = None

    def welcome(self, accepted: socket.socket, client: object, server: object) -> None:
        """Have the poller wait for a new connection's first bytes."""
        self.nr_conns += 1
        self._wait_for(ArrivingConnection(self.cfg, accepted, client, server, self.app.deadlines))

    def look(self, conn: ArrivingConnection) -> bool | None:
        """Whether its request is whole; None where none will be. Waits for nothing."""
        try:
            return conn.arrived()
        except OSError as error:  # of TLS too
            self.log.debug("a connection ended before its request was whole: %s", type(error).__name__)
            return None

    def go_on(self, conn: ArrivingConnection, whole: bool | None) -> None:  # noqa: FBT001 - what `look` says
        """Called in the poller's thread, with what `look` said."""
        if whole is None:
            self.drop(conn)
        elif whole:
            self.serve(conn)
        else:
            self._wait_for(conn)

    def serve(self, conn: ArrivingConnection) -> None:
        """Have a thread serve a request that is whole. Called in the poller's thread."""
        raise NotImplementedError

    def drop(self, conn: ArrivingConnection) -> None:
        """End a connection on which nothing is served. Called in the poller's thread."""
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Called at each turn of the loop: end those whose time is over."""
        now = _monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        for conn in [each for each in self._waiting if self._is_over(each, now)]:
            self._no_longer(conn)
            self.drop(conn)

    def _is_over(self, conn: ArrivingConnection, now: float) -> bool:
        if self.alive:
            return conn.until <= now
        self._left_at = now if self._left_at is None else self._left_at
        return min(conn.until, self._left_at + LEAVE_S) <= now

    def _wait_for(self, conn: ArrivingConnection) -> None:
        self._waiting.add(conn)
        self.poller.register(conn.sock, conn.waits_for, partial(self._something_came, conn))

    def _something_came(self, conn: ArrivingConnection, _: object) -> None:
        self._no_longer(conn)
        self.enqueue_req(conn)

    def _no_longer(self, conn: ArrivingConnection) -> None:
        self._waiting.discard(conn)
        self.poller.unregister(conn.sock)
