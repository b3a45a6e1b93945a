"""Connections to the file: one that writes, and those that read."""

import sqlite3
from pathlib import Path
from sqlite3 import Connection as DriverConnection
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from broker.store.engines.readers import Readers

_WAL_KEPT_BYTES = 64 * 1024 * 1024


class Connections:
    """The connections of one opening of the file. Transactions are begun and ended by hand."""

    def __init__(self, path: Path, wait_s: float) -> None:
        self._engine = _engine(path, wait_s)
        self.readers = Readers(self._reader, alive=lambda _: True, end=Connection.close)
        self.writer = self._engine.connect()

    def _reader(self) -> Connection:
        connection = self._engine.connect()
        connection.exec_driver_sql("PRAGMA query_only=ON")
        return connection

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self.readers.close()
        self.writer.close()
        self._engine.dispose()


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
