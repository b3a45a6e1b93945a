"""The audit room on a real store: on both engines where the store's own work is what a test is about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.model.stores import StoreLocation
from tests.support.clock import HandClock
from tests.support.places import place_on
from tests.support.records import Book, open_book


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


ON_BOTH_ENGINES = ("test_ledger", "test_orphans")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames:
        both = metafunc.module.__name__.rpartition(".")[2] in ON_BOTH_ENGINES
        metafunc.parametrize("place", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> StoreLocation:
    return place_on(str(request.param), request)


@pytest.fixture
def book(place: StoreLocation, clock: HandClock) -> Iterator[Book]:
    book = open_book(place, clock)
    yield book
    book.database.close()
