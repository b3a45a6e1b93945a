"""Sockets on which nobody can stall, and whose threads stand aside while they wait.

By itself gunicorn's gthread worker waits without end for a peer that reads or writes too slowly
(benoitc/gunicorn#2652).
"""

import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from select import POLLIN, POLLOUT, poll
from typing import Any, ClassVar, NoReturn, TypeVar

from broker.clock import SystemClock
from broker.ports.turns import FOR_NOBODY, Turns

T = TypeVar("T")
Socket = TypeVar("Socket", bound="TimelySocket")

_DRAINED_BYTES = 64 * 1024
_WANTED: dict[type[OSError], int] = {ssl.SSLWantReadError: POLLIN, ssl.SSLWantWriteError: POLLOUT}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds: the whole handshake; the head and body of one request together; one write."""

    handshake_s: float = 5.0
    request_s: float = 10.0
    write_s: float = 10.0


class TimelySocket(socket.socket):
    """Never waits in the system: a thread that has it waits here, in time and aside; the poller never does.

    gunicorn calls `setblocking(True)` whenever a thread takes up a connection for its next request,
    so that is where a request's time starts, and `setblocking(False)` when the poller has it again.
    """

    deadlines: ClassVar[Deadlines] = Deadlines()
    turns: ClassVar[Turns] = FOR_NOBODY
    monotonic: ClassVar[Callable[[], float]] = SystemClock().monotonic
    _timeout: float | None = 0.0
    _until = 0.0

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the standard library's signature
        """Start a request's time when a thread takes the connection up."""
        if flag:
            self._until = type(self).monotonic() + self.deadlines.request_s
        self.settimeout(None if flag else 0.0)

    def settimeout(self, value: float | None) -> None:
        """Wait, but not beyond the request's time; or do not wait."""
        if super().gettimeout() != 0.0:
            super().settimeout(0.0)
        self._timeout = value
        if value:
            self._until = min(self._until, type(self).monotonic() + value)

    def gettimeout(self) -> float | None:
        """What was set; not what the system knows of it."""
        return self._timeout

    def recv(self, bufsize: int = 1024, flags: int = 0) -> bytes:
        """Read within the request's time. Raises ConnectionResetError."""
        if self._timeout != 0.0 and self._until <= type(self).monotonic():
            _give_up()
        return self._in_time(partial(super().recv, bufsize, flags), POLLIN, self._until)

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - bytes of any kind
        """Write in time. Raises ConnectionResetError."""
        until = type(self).monotonic() + self.deadlines.write_s
        return self._in_time(partial(super().send, data, flags), POLLOUT, until)

    def sendall(self, data: Any, flags: int = 0) -> None:  # noqa: ANN401 - bytes of any kind
        """Write all of it, each part in time. Raises ConnectionResetError."""
        with memoryview(data) as view, view.cast("B") as rest:
            sent = 0
            while sent < len(rest):
                sent += self.send(rest[sent:], flags)

    def _in_time(self, act: Callable[[], T], event: int, until: float) -> T:
        while True:
            try:
                return act()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError) as wanted:
                if self._timeout == 0.0:
                    raise
                self._await(_WANTED.get(type(wanted), event), until)

    def _await(self, event: int, until: float) -> None:
        left_s = until - type(self).monotonic()
        waiting = poll()
        waiting.register(self, event)
        with self.turns.aside():
            if left_s <= 0 or not waiting.poll(left_s * 1000):
                _give_up()


class TimelySSLSocket(TimelySocket, ssl.SSLSocket):
    """The same over TLS, for `SSLContext.sslsocket_class`."""

    def shutdown(self, how: int) -> None:
        """Say FIN, take what has arrived and raise OSError: gunicorn would linger on the accept thread."""
        socket.socket.shutdown(self, how)
        with contextlib.suppress(OSError):
            socket.socket.recv(self, _DRAINED_BYTES)
        raise OSError(errno.ENOTCONN, "closed without lingering")


def timely(kind: type[Socket], deadlines: Deadlines, turns: Turns) -> type[Socket]:
    """The class of a listener's connections: its methods take time and turns from the class."""
    return type(kind.__name__, (kind,), {"deadlines": deadlines, "turns": turns})


def _give_up() -> NoReturn:
    """As if the peer had gone: gunicorn closes the connection and logs no traceback."""
    raise ConnectionResetError(errno.ECONNRESET, "the peer was too slow")
