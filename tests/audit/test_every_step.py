"""The store fails at each statement of an intent and of an outcome, before or after it did it."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from broker.errors import LogUnavailable
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When, watched
from tests.support.invariants import check_columns, check_ended, check_log
from tests.support.log_steps import FILLED, STATEMENTS, STEPS, Step, Write, concluded, fill, ready, striking
from tests.support.records import DEADLINE_S, GRACE_S, KEY, Book, open_book
from tests.support.whole_log import check_released, check_tree, checkpoint_of

Opened = Callable[[Write], Book]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stores that a write fills a tile of."""
    folder = tmp_path_factory.mktemp("filled")
    for write in Write:
        fill(folder / f"{write}.db", HandClock(), write)
    return folder


@pytest.fixture
def opened(filled: Path, path: Path, clock: HandClock) -> Iterator[Opened]:
    books: list[Book] = []

    def open_copy(write: Write) -> Book:
        shutil.copy(filled / f"{write}.db", path)
        books.append(open_book(path, clock))
        return books[-1]

    yield open_copy
    for book in books:
        book.database.close()


def fail() -> NoReturn:
    raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("write", Write)
def test_these_are_all_the_statements_of_it(opened: Opened, write: Write) -> None:
    book, said = opened(write), list[str]()
    do = ready(book, write)
    with watched(book.database, NOT_PERSISTED, said.append):
        do()
    assert len(said) == len(STATEMENTS[write])
    assert [s.startswith(e) for s, e in zip(said, STATEMENTS[write], strict=True)] == [True] * len(said)
    assert check_tree(book.database) == FILLED[write] + (1 if write is Write.INTENT else 2)


@pytest.mark.parametrize("when", [NOT_PERSISTED, PERSISTED], ids=["not persisted", "persisted"])
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_statement_that_fails_leaves_a_whole_log_that_goes_on(
    opened: Opened, path: Path, clock: HandClock, step: Step, when: When
) -> None:
    book = opened(step.write)
    do = ready(book, step.write)
    before, released = book.reading.size(), [checkpoint_of(book.database)]
    with striking(book.database, step, when, fail), pytest.raises(LogUnavailable):
        do()
    assert book.database.healthy() is not step.commits
    book.database.reopen()
    there = step.commits and when == PERSISTED
    assert check_tree(book.database) == before + there
    released += ends_well(book, clock, step.write, there=there)
    again = open_book(path, clock)
    check_tree(again.database)
    check_released(again.database, released)
    again.database.close()


def ends_well(book: Book, clock: HandClock, write: Write, *, there: bool) -> list[str]:
    """What was left open is closed, and the key is good for a ticket; the heads released by then."""
    intended, issued = (write is Write.OUTCOME or there), (write is Write.OUTCOME and there)
    clock.advance(DEADLINE_S + GRACE_S + 1)
    assert book.orphans.run() == (intended and not issued)
    attempt, intent = book.begin(KEY)
    assert attempt.number == (2 if issued else 1)
    receipt = concluded(book, attempt, intent)
    records = list(book.reading.records())
    check_log(records)
    check_ended(records)
    check_columns(book.database)
    check_released(book.database, [], [receipt])
    return [receipt.checkpoint]
