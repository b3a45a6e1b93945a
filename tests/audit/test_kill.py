"""A process is killed at each step of a ticket's way, and at any moment: what stands in the log then."""

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import invariants
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When
from tests.support.deadline import eventually
from tests.support.invariants import attempts
from tests.support.ledger_child import KNOWING, Death
from tests.support.log_steps import FILLED, Write, check_told
from tests.support.records import KEY, Book, open_book
from tests.support.whole_log import check_tree, check_verified

ROOT = Path(__file__).parents[2]
CHILD = [sys.executable, "-m", "tests.support.ledger_child"]

Told = list[tuple[str, str, int]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    subprocess.run([*CHILD, str(folder)], cwd=ROOT, check=True, timeout=60)
    return folder


def told(file: Path) -> Told:
    """What the killed process said; a last line that was cut off is none."""
    lines = file.read_text().rpartition("\n")[0].splitlines()
    words = [line.split() for line in lines]
    return [(what, issuance, int(attempt)) for what, issuance, attempt in words]


def later() -> HandClock:
    """A clock by which everything that was begun before is overdue."""
    return HandClock(datetime.now(UTC) + timedelta(hours=2))


def check_invariants(book: Book, said: Told) -> None:
    records = list(book.reading.records())
    invariants.check_log(records)
    invariants.check_columns(book.database)
    check_tree(book.database)
    intended, issued = (set(attempts(records, event)) for event in ("ticket_intent", "ticket_issued"))
    assert {(i, n) for what, i, n in said if what == "intended"} <= intended
    assert {(i, n) for what, i, n in said if what == "delivered"} <= issued


def check_all_ended(book: Book) -> None:
    invariants.check_ended(list(book.reading.records()))


def check_death(scene: Path, death: Death, *, committed: bool) -> None:
    """What a process finds that opens the store hours later."""
    book = open_book(scene / f"{death}.db", later())
    said = told(scene / f"{death}.txt")
    check_invariants(book, said)
    concluding = death.write is Write.OUTCOME
    intended, concluded = committed or concluding, committed and concluding
    assert book.events()[FILLED[death.write] :] == ["T100I"] * intended + ["T101I"] * concluded
    assert book.orphans.run() == (intended and not concluded)
    check_all_ended(book)
    again = book.issue(KEY)
    assert again.number == (2 if concluded else 1)
    check_invariants(book, said)
    book.database.close()


@pytest.mark.parametrize("when", [NOT_PERSISTED, PERSISTED])
@pytest.mark.parametrize("write", Write)
def test_a_process_killed_at_whatever_statement_leaves_the_log_as_it_must_be(
    scene: Path, write: Write, when: When
) -> None:
    last = len(list(scene.glob(f"{write} {when} *.last")))
    deaths = [Death(write, when, number) for number in range(last)]
    statements = [(scene / f"{death}.last").read_text() for death in deaths]
    check_told(statements)
    for death, statement in zip(deaths, statements, strict=True):
        check_death(scene, death, committed=statement == "COMMIT" and when == PERSISTED)
    check_verified(scene / f"{deaths[-1]}.db")


@pytest.mark.parametrize("death", KNOWING, ids=str)
def test_a_process_killed_once_it_knows_of_its_commit_leaves_the_log_as_it_must_be(
    scene: Path, death: Death
) -> None:
    check_death(scene, death, committed=True)
    check_verified(scene / f"{death}.db")


def wait_for_growth(file: Path) -> None:
    file.touch(0o600)
    enough = file.stat().st_size + 1000
    assert eventually(lambda: file.stat().st_size >= enough, 60)


def kill_at_any_moment(folder: Path, times: int) -> None:
    lots = random.Random(20261123)
    for _ in range(times):
        with subprocess.Popen([*CHILD, str(folder), "--loop"], cwd=ROOT) as child:
            try:
                wait_for_growth(folder / "loop.txt")
                time.sleep(lots.random() * 0.3)
            finally:
                child.kill()
    book = open_book(folder / "loop.db", later())
    check_invariants(book, told(folder / "loop.txt"))
    book.orphans.run()
    check_all_ended(book)
    book.database.close()


def test_a_process_killed_under_load_loses_nothing_that_it_said(tmp_path: Path) -> None:
    kill_at_any_moment(tmp_path, times=1)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_process_killed_under_load_again_and_again_loses_nothing(tmp_path: Path) -> None:
    kill_at_any_moment(tmp_path, times=40)
