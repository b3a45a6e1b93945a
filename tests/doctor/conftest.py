"""A vCenter that is well, for each test of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.clock import SystemClock
from broker.store.database import Database
from tests.support.clinic import Clinic, opened_clinic
from tests.support.log_keys import LOG_KEYS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "store.db", SystemClock(), LOG_KEYS)
    yield opened
    opened.close()


@pytest.fixture
def clinic(tmp_path: Path, database: Database) -> Iterator[Clinic]:
    with opened_clinic(tmp_path, database) as well:
        yield well
