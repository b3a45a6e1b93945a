"""Connections that read: as many as threads read at once.

Held open, since checking one out of SQLAlchemy's pool costs four times the look-up itself.
"""

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Readers:
    """Connections that `connect` makes and `end` ends, each in the hands of one thread at a time.

    One that lay idle is used again where it is `alive`.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        alive: Callable[[Connection], bool],
        end: Callable[[Connection], None],
    ) -> None:
        self._connect = connect
        self._alive = alive
        self._end = end
        self._idle: deque[Connection] = deque()
        self._closed = False

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection for this thread alone. Each statement sees every commit before it."""
        connection = self._reader()
        try:
            result = work(connection)
        except BaseException:
            self._end(connection)
            raise
        self._idle.append(connection)
        if self._closed:
            self._close_idle()
        return result

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self._closed = True
        self._close_idle()

    def _reader(self) -> Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if self._alive(connection):
                return connection
            self._end(connection)

    def _close_idle(self) -> None:
        while True:
            try:
                self._end(self._idle.pop())
            except IndexError:
                return
