"""A real store in a directory of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.database import Database
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def database(path: Path, clock: HandClock) -> Iterator[Database]:
    database = Database.open(path, clock, LOG_KEYS)
    yield database
    database.close()
