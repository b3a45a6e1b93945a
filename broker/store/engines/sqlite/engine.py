"""A store that is one SQLite file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from sqlite3 import Error as DriverError
from sqlite3 import OperationalError
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from broker.errors import LogUnavailable, Trouble
from broker.ports.signing import LogSigner
from broker.store.engines.sqlite.connections import Connections
from broker.store.engines.sqlite.locks import Patience, locked
from broker.store.engines.sqlite.place import Identity, Place
from broker.store.engines.sqlite.schema import prepare
from broker.store.engines.sqlite.words import told
from broker.store.place import Room
from broker.store.statements import Prepared, driver

T = TypeVar("T")

_WAIT_S = 5.0
"""How long SQLite waits for another process' turn to write."""
_STEP_S = 0.02
"""Between two looks whether a named turn is free."""
_BEGIN, _COMMIT = Prepared(text("BEGIN IMMEDIATE")), Prepared(text("COMMIT"))


class SqliteOpening:
    """`engine.Opening` of one file."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, DriverError)

    def __init__(self, place: Place, signer: LogSigner) -> None:
        self._place = place
        self._signer = signer
        self._connections, self._files = _connect(place, signer)
        self.writer = self._connections.writer

    def told(self, error: Exception) -> str:
        """See `engine.Opening`."""
        return told(error)

    def read(self, work: Callable[[Connection], T]) -> T:
        """See `engine.Opening`."""
        return self._connections.readers.read(work)

    def room(self) -> Room:
        """See `engine.Opening`."""
        return self._place.examined(self._files)

    def check(self) -> None:
        """See `engine.Opening`.

        A kernel that found an error in the file system may refuse every write, and tell nobody who only
        looks: a file must be opened to see it.
        """
        self._place.examined(self._files)
        self._place.check_lock()

    def lost(self) -> bool:
        """A file is never lost: where it was replaced, `room` refuses."""
        return False

    def alone(self) -> AbstractContextManager[None]:
        """See `Place.alone`."""
        return self._place.alone()

    def begin(self) -> None:
        """See `engine.Opening`."""
        _BEGIN.run(self.writer, {})

    def commit(self) -> None:
        """See `engine.Opening`.

        A file system whose journal an error has just stopped can say that it flushed what it lost, so it is
        asked for one change more: what is stopped stays so.
        """
        _COMMIT.run(self.writer, {})
        try:
            self._place.check_changeable()
        except LogUnavailable as unavailable:
            raise OperationalError(unavailable.detail) from None

    def roll_back(self) -> None:
        """See `engine.Opening`."""
        driver(self.writer).rollback()

    def anew(self) -> "SqliteOpening":
        """See `engine.Opening`."""
        if self._place.identity() != self._files[0]:
            raise LogUnavailable(
                "the store's file was replaced: look into it and restart", Trouble.STORE_REPLACED
            )
        self.close()
        return SqliteOpening(self._place, self._signer)

    def close(self) -> None:
        """See `engine.Opening`."""
        self._connections.close()


class SqliteEngine:
    """`engine.Engine` of one file."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def make(self) -> None:
        """See `Place.make`."""
        self._place.make()

    def check_made(self) -> None:
        """See `Place.check_made`."""
        self._place.check_made()

    def open(self, signer: LogSigner) -> SqliteOpening:
        """See `engine.Engine`."""
        return SqliteOpening(self._place, signer)

    def turn(self, name: str, within_s: float) -> AbstractContextManager[bool]:
        """See `engine.Engine`. The name becomes a part of a file's name."""
        return locked(self._place.path, f".{name}.lock", Patience(within_s, _STEP_S))


def _connect(place: Place, signer: LogSigner) -> tuple[Connections, tuple[Identity, ...]]:
    """Open the file; the connections, and what the files are. Raises LogUnavailable."""
    with place.alone():
        place.check_fit()
        before = place.identity()
        try:
            connections = Connections(place.path, _WAIT_S)
        except SQLAlchemyError as error:
            raise LogUnavailable(f"the store {place.path} cannot be opened: {told(error)}") from None
        try:
            files = _examined(connections.writer, place, before, signer)
        except BaseException:  # nobody else can close them
            connections.close()
            raise
    return connections, files


def _examined(
    connection: Connection, place: Place, before: Identity, signer: LogSigner
) -> tuple[Identity, ...]:
    try:
        prepare(connection, signer)
    except SQLAlchemyError as error:
        raise LogUnavailable(f"the store {place.path} cannot be used: {told(error)}") from None
    files = place.identities()
    if files[0] != before:
        raise LogUnavailable(f"the store {place.path} was replaced while it was opened")
    return files
