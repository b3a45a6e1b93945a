"""The disk fails amid a commit, at each call that SQLite makes of it: a whole log stays, and goes on."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import invariants
from tests.support.clock import HandClock
from tests.support.faulty_disk import KILL, faulty_disk
from tests.support.log_steps import FILLED, Write
from tests.support.records import KEY, Book, open_book
from tests.support.torn_child import STRIKES, Strike
from tests.support.whole_log import check_tree, check_verified

ROOT = Path(__file__).parents[2]
FEW = tuple(
    strike
    for strike in STRIKES
    if (strike.call == "flush" and strike.error != errno.ENOSPC)
    or (strike.write, strike.when, strike.error) == (Write.OUTCOME, "torn", KILL)
)
"""Those that say most."""


def struck(folder: Path, strikes: Sequence[Strike]) -> Path:
    """A folder with the stores of processes that met these faults."""
    command = [sys.executable, "-m", "tests.support.torn_child", str(folder), *map(str, strikes)]
    environment = {**os.environ, **faulty_disk(folder).environment}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return struck(tmp_path_factory.mktemp("few"), FEW)


def check(folder: Path, strike: Strike) -> None:
    """The sizes that the log had after each, in the order of the commit's calls."""
    stores = sorted(folder.glob(f"{strike} *.db"), key=lambda store: int(store.stem.rpartition(" ")[2]))
    assert stores
    sizes = [check_store(store, strike) for store in stores]
    check_verified(stores[-1])
    assert sizes == sorted(sizes), "what was there once is there from then on"
    if strike.call == "write":
        assert len(set(sizes)) == (2 if strike.when == "after" and not strike.recovers else 1)


def check_store(store: Path, strike: Strike) -> int:
    """How many records more than before stand there."""
    book = open_book(store, HandClock(datetime.now(UTC) + timedelta(hours=2)))
    try:
        more = check_tree(book.database) - FILLED[strike.write]
        check_ends(book)
    finally:
        book.database.close()
    return more


def check_ends(book: Book) -> None:
    """Whatever was left open is closed, the key is good for a ticket, and no index stands twice."""
    book.orphans.run()
    book.issue(KEY)
    records = list(book.reading.records())
    invariants.check_log(records)
    invariants.check_ended(records)
    invariants.check_columns(book.database)
    check_tree(book.database)


@pytest.mark.parametrize("strike", FEW, ids=str)
def test_a_commit_that_the_disk_fails_is_there_whole_or_not_at_all(few: Path, strike: Strike) -> None:
    check(few, strike)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strike", [strike for strike in STRIKES if strike not in FEW], ids=str)
def test_every_commit_that_the_disk_fails_is_there_whole_or_not_at_all(
    tmp_path: Path, strike: Strike
) -> None:
    check(struck(tmp_path, [strike]), strike)
