"""A store in PostgreSQL, and what a test does to its server and to its connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from broker.model.record import Event, Record
from broker.model.stores import PostgresqlStore
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.deadline import eventually
from tests.support.postgres_server import PostgresServer

RECORD = Record(Event.PROCESS_STARTED, {"kind": "serve"})


def append(database: Database) -> int:
    return database.write(Reserve.NONE, lambda transaction: transaction.append([RECORD])).start


def seqs(database: Database) -> list[int]:
    return [leaf.seq for leaf in StoredLog(database).leaves(0, 10_000)]


def over_tcp(store: PostgresqlStore, port: int) -> PostgresqlStore:
    return replace(store, host="127.0.0.1", port=port)


def end_sessions(server: PostgresServer, store: PostgresqlStore) -> None:
    """End every connection to the store, as a restart of the server would, and wait until they are gone."""
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{store.user}'"
    assert eventually(lambda: server.sql(ended) == [])


@contextmanager
def configured(server: PostgresServer, **settings: str) -> Iterator[None]:
    """The running server has these settings while this lasts, and what it was started with after it."""
    for name, value in settings.items():
        server.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    server.sql("SELECT pg_reload_conf()")
    try:
        assert eventually(lambda: all(server.sql(f"SHOW {n}") == [(v,)] for n, v in settings.items()))
        yield
    finally:
        server.sql("ALTER SYSTEM RESET ALL")
        server.sql("SELECT pg_reload_conf()")
