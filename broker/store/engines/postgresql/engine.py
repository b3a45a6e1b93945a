"""A store that is a database on a PostgreSQL server.

The row of `head` is the order of the log: a transaction locks it first, so the order in which they
get it is the order of their commits, and READ COMMITTED lets each see all before it. What the
transaction before this one wanted is settled by then, whatever its process heard of it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar, cast

import psycopg
from psycopg.errors import Diagnostic
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from broker.errors import LogUnavailable
from broker.model.stores import PostgresqlStore
from broker.ports.signing import LogSigner
from broker.store.engines.postgresql.connections import Connections, alive, end, raw
from broker.store.engines.postgresql.schema import check_made, prepare
from broker.store.engines.postgresql.standing import ITS_SETTINGS, Identity, check_settings
from broker.store.engines.postgresql.turns import turn
from broker.store.engines.postgresql.words import told
from broker.store.place import Room
from broker.store.statements import Prepared

T = TypeVar("T")

_BEGIN = Prepared(text("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"))
_TAKE = Prepared(text(f"SELECT {ITS_SETTINGS} FROM head WHERE id = 1 FOR UPDATE"))  # noqa: S608 - our own words
_COMMIT = Prepared(text("COMMIT"))
_LOOK = text(f"SELECT {ITS_SETTINGS}")


class Unclear(psycopg.Error):
    """The server answered COMMIT, but not that all is well: see the message."""


class PostgresqlOpening:
    """`engine.Opening` of one database; `before` is what it was when it was open before, if it was."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, psycopg.Error)

    def __init__(self, store: PostgresqlStore, signer: LogSigner, before: Identity | None = None) -> None:
        self._store = store
        self._signer = signer
        self._notices: list[str] = []
        with _explained(f"the store {store} cannot be used"):
            self._connections = Connections(store, before)
            self.writer = self._connections.writer
            self._writing = raw(self.writer)
            self._writing.add_notice_handler(self._noticed)
            try:
                prepare(self.writer, signer)
            except BaseException:  # nobody else can close them
                self.close()
                raise

    def told(self, error: Exception) -> str:
        """See `engine.Opening`."""
        return told(error)

    def read(self, work: Callable[[Connection], T]) -> T:
        """See `engine.Opening`."""
        return self._connections.readers.read(work)

    def room(self) -> Room:
        """Whether there is room is for the server to see to."""
        return Room(str(self._store), 0, 0)

    def check(self) -> None:
        """See `engine.Opening`: whether the server is there, takes writes and keeps them.

        Another thread may be writing meanwhile, so of the writer is asked only whether it was given up.
        """
        if self._writing.closed:
            raise LogUnavailable("the connection to the store's server is lost")
        with _explained("the store's server does not answer"):
            check_settings(tuple(self.read(lambda connection: connection.execute(_LOOK).one())))

    def lost(self) -> bool:
        """See `engine.Opening`."""
        return not alive(self.writer)

    def alone(self) -> AbstractContextManager[None]:
        """The server's own waiting is in the order of coming."""
        return nullcontext()

    def begin(self) -> None:
        """See `engine.Opening`. Raises LogUnavailable as well, where the server would forget."""
        _BEGIN.run(self.writer, {})
        row = _TAKE.run(self.writer, {}).fetchone()
        if row is None:
            raise LogUnavailable("the head of the log is gone")
        check_settings(row)

    def commit(self) -> None:
        """See `engine.Opening`.

        A wait for a synchronous standby that was cut short is a warning beside the server's yes.
        """
        self._notices.clear()
        answer = cast("psycopg.Cursor[object]", _COMMIT.run(self.writer, {})).statusmessage
        if answer != "COMMIT" or self._notices:
            raise Unclear("; ".join((f"the server answered {answer}", *self._notices)))

    def roll_back(self) -> None:
        """See `engine.Opening`. A connection that cannot say so is closed: the server undoes it then."""
        try:
            raw(self.writer).rollback()
        except self.errors:
            end(self.writer)

    def anew(self) -> "PostgresqlOpening":
        """See `engine.Opening`."""
        self.close()
        return PostgresqlOpening(self._store, self._signer, self._connections.identity)

    def close(self) -> None:
        """See `engine.Opening`."""
        self._connections.close()

    def _noticed(self, notice: Diagnostic) -> None:
        self._notices.append(f"{notice.severity_nonlocalized}: {notice.message_primary}")


class PostgresqlEngine:
    """`engine.Engine` of one database."""

    def __init__(self, store: PostgresqlStore) -> None:
        self._store = store

    def make(self) -> None:
        """The database itself is for its server's administrator to make: docs/postgresql.md."""

    def check_made(self) -> None:
        """See `engine.Engine`."""
        with _explained(f"the store {self._store} cannot be used"):
            connections = Connections(self._store, None)
            try:
                check_made(connections.writer)
            finally:
                connections.close()

    def open(self, signer: LogSigner) -> PostgresqlOpening:
        """See `engine.Engine`."""
        return PostgresqlOpening(self._store, signer)

    def turn(self, name: str, within_s: float) -> AbstractContextManager[bool]:
        """See `turns.turn`."""
        return turn(self._store, name, within_s)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except PostgresqlOpening.errors as error:
        raise LogUnavailable(f"{what}: {told(error)}") from None
