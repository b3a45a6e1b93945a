"""A SQLite store that is only looked at: as it runs, or as a copy of its file that nobody writes to."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from urllib.parse import quote

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from broker.errors import LogUnavailable
from broker.store.engines.sqlite.schema import APPLICATION_ID, VERSION
from broker.store.engines.sqlite.words import told
from broker.store.schema import check_revision

_WAIT_S = 5.0
_MAGIC = b"SQLite format 3\0"
_COPY = "a copy of a running store is made with: sqlite3 STORE \".backup 'COPY'\""


@dataclass(frozen=True, slots=True)
class SqliteLook:
    """The Looking protocol on a file. `how` is what SQLite is told about it beside its path."""

    path: Path
    how: str

    errors: ClassVar[tuple[type[Exception], ...]] = (SQLAlchemyError, sqlite3.Error)

    def told(self, error: Exception) -> str:
        """See `moment.Looking`."""
        return told(error)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """See `moment.Looking`."""
        engine = create_engine(
            "sqlite+pysqlite://", creator=self._connected, isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        try:
            with engine.connect() as connection:
                self._check(connection)
                connection.exec_driver_sql("BEGIN")
                yield connection
        except self.errors as error:
            raise LogUnavailable(f"the store {self.path} cannot be read: {self.told(error)}") from None
        finally:
            engine.dispose()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?{self.how}", uri=True, timeout=_WAIT_S, isolation_level=None
        )
        for pragma in ("query_only=ON", "trusted_schema=OFF", "cell_size_check=ON"):
            connection.execute(f"PRAGMA {pragma}").close()
        return connection

    def _check(self, connection: Connection) -> None:
        application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if application != APPLICATION_ID:
            raise LogUnavailable(f"{self.path} is no store of this broker")
        if version != VERSION:
            raise LogUnavailable(
                f"{self.path} has schema version {version}, this broker knows version {VERSION}"
            )
        check_revision(connection)


def running_file(path: Path) -> SqliteLook:
    """A store that processes may be writing to."""
    return SqliteLook(path.absolute(), "mode=ro")


@contextmanager
def copied_file(path: Path) -> Iterator[SqliteLook]:
    """A copy of a store's file, which is not touched: not even the files that SQLite makes beside one.

    Where its write-ahead log came along, both are copied once more for as long as this lasts, and put
    together there. Raises LogUnavailable.
    """
    path = _existing(path)
    wal = path.with_name(f"{path.name}-wal")
    if not wal.exists() or wal.stat().st_size == 0:
        yield SqliteLook(path, "mode=ro&immutable=1")
        return
    with TemporaryDirectory(prefix="broker-verify-") as folder:
        whole = Path(folder) / "store.db"
        _put_together(path, wal, whole)
        yield SqliteLook(whole, "mode=ro&immutable=1")


def _put_together(path: Path, wal: Path, whole: Path) -> None:
    try:
        shutil.copyfile(path, whole)
        shutil.copyfile(wal, f"{whole}-wal")
        connection = sqlite3.connect(whole, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        finally:
            connection.close()
    except OSError as error:
        raise LogUnavailable(f"{path} and its -wal cannot be copied to be read: {error.strerror}") from None
    except sqlite3.Error as error:
        raise LogUnavailable(f"{path} and its -wal do not fit ({told(error)}): {_COPY}") from None


def _existing(path: Path) -> Path:
    """Raises LogUnavailable where there is no file of SQLite."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_MAGIC))
    except OSError as error:
        raise LogUnavailable(f"{path} cannot be read: {error.strerror}") from None
    if begins != _MAGIC:
        raise LogUnavailable(f"{path} is no database")
    return path.resolve()
