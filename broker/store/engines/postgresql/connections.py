"""Connections to the database: one that writes, and those that read, all to the same one."""

from collections.abc import Callable
from select import POLLIN, poll
from typing import cast

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from broker.errors import LogUnavailable, Trouble
from broker.model.stores import PostgresqlStore
from broker.store.engines.postgresql.dialling import READING, Raw, dialled
from broker.store.engines.postgresql.standing import Identity, identified
from broker.store.engines.readers import Readers


class Connections:
    """The connections of one opening. Transactions are begun and ended by hand.

    Each leads to the database that the writer is connected to, or to one that took its place by a
    promotion, as the writer's own follows that of the opening `before`: a name may lead elsewhere
    from one connection to the next. Raises psycopg.Error, LogUnavailable.
    """

    def __init__(self, store: PostgresqlStore, before: Identity | None) -> None:
        self._store = store
        writer = dialled(store)
        try:
            self.identity = _followed(writer, before)
            self.writer = engine_on(lambda: writer).connect()
        except BaseException:  # nobody else can close it
            writer.close()
            raise
        self.readers = Readers(engine_on(self._reader).connect, alive, end)

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self.readers.close()
        end(self.writer)

    def _reader(self) -> Raw:
        connection = dialled(self._store, **READING)
        try:
            _followed(connection, self.identity)
        except BaseException:  # nobody else can close it
            connection.close()
            raise
        return connection


def raw(connection: Connection) -> Raw:
    """The driver's own connection."""
    return cast("Raw", connection.connection.driver_connection)


def end(connection: Connection) -> None:
    """End it without asking the server to undo anything, which one that is lost cannot."""
    if not connection.closed:
        connection.invalidate()
        connection.close()


def alive(connection: Connection) -> bool:
    """Whether a connection that lay idle still leads to its server, as far as this machine has heard."""
    if connection.closed or connection.invalidated:
        return False
    found = raw(connection)
    return not found.closed and not _heard(found)


def _followed(connection: Raw, before: Identity | None) -> Identity:
    identity = identified(connection)
    if before is not None and not identity.may_follow(before):
        raise LogUnavailable(
            "the store's server is another one now: look into it and restart", Trouble.STORE_REPLACED
        )
    return identity


def _heard(found: Raw) -> bool:
    """Whether the server said something unasked: its end, or that a setting changed."""
    waiting = poll()
    waiting.register(found.fileno(), POLLIN)
    return bool(waiting.poll(0))


def engine_on(connect: Callable[[], Raw]) -> Engine:
    """SQLAlchemy on connections that are made here, with nothing that it would look up or undo by itself."""
    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        pool_reset_on_return=None,
        use_native_hstore=False,
    )
