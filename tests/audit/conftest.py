"""The audit room on a real store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clock import HandClock
from tests.support.records import Book, open_book


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def book(path: Path, clock: HandClock) -> Iterator[Book]:
    book = open_book(path, clock)
    yield book
    book.database.close()
