"""A real store: a file in a directory of its own, or a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.model.stores import PostgresqlStore, StoreLocation
from broker.store.database import Database
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.places import place_on
from tests.support.postgres_server import PostgresServer, running_server


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a store in SQLite, for what only files do."""
    return tmp_path / "store.db"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test is run on both engines, but for those that ask for a `path`."""
    if "place" in metafunc.fixturenames:
        engines = ["sqlite"] if "path" in metafunc.fixturenames else ["sqlite", "postgresql"]
        metafunc.parametrize("place", engines, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> StoreLocation:
    """Where a store may lie, on the engine of this run."""
    return place_on(str(request.param), request)


@pytest.fixture
def database(place: StoreLocation, clock: HandClock) -> Iterator[Database]:
    database = Database.open(place, clock, LOG_KEYS)
    yield database
    database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL that the tests of a module may end, and find running."""
    with running_server() as server:
        yield server


@pytest.fixture
def store(server: PostgresServer) -> PostgresqlStore:
    """A place for a new store on it."""
    return server.new_store()
