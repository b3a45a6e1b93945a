"""Connections to the file: one that writes, and as many that read as threads read at once.

Held open, since checking one out of SQLAlchemy's pool costs four times the look-up itself.
"""

import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection as DriverConnection
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

T = TypeVar("T")

_WAL_KEPT_BYTES = 64 * 1024 * 1024


class Connections:
    """The connections of one opening of the file. Transactions are begun and ended by hand."""

    def __init__(self, path: Path, wait_s: float) -> None:
        self._engine = _engine(path, wait_s)
        self._idle: deque[Connection] = deque()
        self._closed = False
        self.writer = self._engine.connect()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection for this thread alone that cannot write.

        Each statement sees every commit before it.
        """
        connection = self._reader()
        try:
            result = work(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if self._closed:
            self._close_idle()
        return result

    def _reader(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
            connection.exec_driver_sql("PRAGMA query_only=ON")
            return connection

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self._closed = True
        self._close_idle()
        self.writer.close()
        self._engine.dispose()

    def _close_idle(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return


def _engine(path: Path, wait_s: float) -> Engine:
    """The path goes to SQLite past SQLAlchemy's URL, which gives some of its characters a meaning."""
    return create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connected(path, wait_s),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )


def _connected(path: Path, wait_s: float) -> DriverConnection:
    """A connection to a file that exists, without a transaction of its own making."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=wait_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        f"journal_size_limit={_WAL_KEPT_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection
