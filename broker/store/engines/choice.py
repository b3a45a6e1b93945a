"""Which engine a store is in, as it is written where the store lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.errors import LogUnavailable
from broker.model.stores import StoreLocation
from broker.store.engines.engine import Engine, Looking
from broker.store.engines.sqlite.engine import SqliteEngine
from broker.store.engines.sqlite.looking import running_file
from broker.store.engines.sqlite.place import place_at


def engine_at(where: StoreLocation, disk_reserve_mib: int) -> Engine:
    """The engine of the store that lies there, not open yet.

    Raises LogUnavailable where this installation lacks what the engine needs.
    """
    if isinstance(where, Path):
        return SqliteEngine(place_at(where, disk_reserve_mib))
    with _extra():
        from broker.store.engines.postgresql.engine import PostgresqlEngine  # noqa: PLC0415 - an extra
    return PostgresqlEngine(where)


def look_at(where: StoreLocation) -> Looking:
    """The store that lies there, only to be looked at, whatever state it is in. Raises LogUnavailable."""
    if isinstance(where, Path):
        return running_file(where)
    with _extra():
        from broker.store.engines.postgresql.looking import PostgresqlLook  # noqa: PLC0415 - an extra
    return PostgresqlLook(where)


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise LogUnavailable(
            f"a store in PostgreSQL needs {error.name}; run: pip install 'cim-ticket-broker[postgres]'"
        ) from None
