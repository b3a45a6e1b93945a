"""Sockets on which nobody can stall.

gunicorn's gthread worker gives a thread to each handshake and to each request, and by itself
waits for both without end (benoitc/gunicorn#2652).
"""

import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from broker.clock import SystemClock

_DRAINED_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds: the whole handshake; the head and body of one request together; one write."""

    handshake_s: float = 5.0
    request_s: float = 10.0
    write_s: float = 10.0


class DeadlineSSLSocket(ssl.SSLSocket):
    """The class for `SSLContext.sslsocket_class`; `deadline_socket` gives one with other deadlines.

    gunicorn calls `setblocking(True)` whenever a thread takes up a connection for its next
    request, so that is where a request's time starts.
    """

    deadlines: ClassVar[Deadlines] = Deadlines()
    monotonic: ClassVar[Callable[[], float]] = SystemClock().monotonic
    _until = 0.0

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the standard library's signature
        """Shake hands in time, or as far as it goes without waiting. Raises ConnectionResetError."""
        if self.gettimeout() == 0.0:
            super().do_handshake()
            return
        self.settimeout(self.deadlines.handshake_s)
        try:
            super().do_handshake(block)
        except TimeoutError:
            _give_up()
        self._start_request()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the standard library's signature
        """Start a request's time when a thread takes the connection up."""
        super().setblocking(flag)
        if flag:
            self._start_request()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read within the request's time. Raises ConnectionResetError."""
        self._allow(self._until - type(self).monotonic())
        try:
            return super().recv(buflen, flags)
        except TimeoutError:
            _give_up()

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:  # type: ignore[override]  # what sendall hands on
        """Write in time. Raises ConnectionResetError."""
        self._allow(self.deadlines.write_s)
        try:
            return super().send(data, flags)
        except TimeoutError:
            _give_up()

    def shutdown(self, how: int) -> None:
        """Say FIN, take what has arrived and raise OSError: gunicorn would linger on the accept thread."""
        socket.socket.shutdown(self, how)
        socket.socket.setblocking(self, False)  # noqa: FBT003 - the standard library's signature
        with contextlib.suppress(OSError):
            socket.socket.recv(self, _DRAINED_BYTES)
        raise OSError(errno.ENOTCONN, "closed without lingering")

    def _start_request(self) -> None:
        self._until = type(self).monotonic() + self.deadlines.request_s

    def _allow(self, seconds: float) -> None:
        if self.gettimeout() == 0.0:
            return  # the poller's, which waits by itself
        if seconds <= 0:
            _give_up()
        self.settimeout(seconds)


class PromptSocket(socket.socket):
    """A connection without TLS, which is the proxy's, on which no write can stall.

    It takes the place of `accepted`. What a proxy sends comes whole, so nothing is said of reading.
    """

    def __init__(self, accepted: socket.socket, deadlines: Deadlines) -> None:
        super().__init__(fileno=accepted.detach())
        self._write_s = deadlines.write_s

    def sendall(self, data: Any, flags: int = 0) -> None:  # noqa: ANN401 - bytes of any kind
        """Write in time. Raises ConnectionResetError."""
        if self.gettimeout() == 0.0:
            super().sendall(data, flags)  # the poller's, which waits by itself
            return
        self.settimeout(self._write_s)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            _give_up()
        finally:
            self.settimeout(None)


def deadline_socket(deadlines: Deadlines) -> type[DeadlineSSLSocket]:
    """The same socket with these deadlines."""

    class Deadline(DeadlineSSLSocket):
        pass

    Deadline.deadlines = deadlines
    return Deadline


def _give_up() -> NoReturn:
    """As if the peer had gone: gunicorn closes the connection and logs no traceback."""
    raise ConnectionResetError(errno.ECONNRESET, "the peer was too slow")
