"""A process is killed at each step of a ticket's way, and at any moment: what stands in the log then."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.store.times import iso
from tests.support.clock import HandClock
from tests.support.deadline import eventually
from tests.support.ledger_child import STEPS
from tests.support.records import KEY, Book, open_book

ROOT = Path(__file__).parents[2]
ENDS = {"T101I", "T102E", "T103E", "T104W"}
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
    assert [r["seq"] for r in records] == list(range(len(records)))
    attempts = [(r["fields"]["issuance"], r["fields"]["attempt"], r["code"]) for r in records]
    intents = Counter((i, n) for i, n, code in attempts if code == "T100I")
    ends = Counter((i, n) for i, n, code in attempts if code in ENDS)
    issued = {(i, n) for i, n, code in attempts if code == "T101I"}
    assert set(intents.values()) <= {1}, "an attempt has one intent"
    assert set(ends.values()) <= {1}, "an attempt has one end"
    assert set(ends) <= set(intents), "nothing ends that did not begin"
    assert {(i, n) for what, i, n in said if what == "intended"} <= set(intents)
    assert {(i, n) for what, i, n in said if what == "delivered"} <= issued
    check_columns(book)


def check_columns(book: Book) -> None:
    """What is derived of a record says what the record says."""
    columns = "SELECT id, code, at, app, issuance, leaf FROM record"
    for row in book.database.read(lambda c: c.exec_driver_sql(columns).all()):
        record = json.loads(row.leaf)
        fields = record["fields"]
        assert (row.id, row.code, iso(row.at)) == (record["id"], record["code"], record["ts"])
        assert (row.app, row.issuance) == (fields.get("app"), fields.get("issuance"))


def check_all_ended(book: Book) -> None:
    codes = Counter(book.events())
    assert codes["T100I"] == sum(codes[end] for end in ENDS)


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_this_step_leaves_the_log_as_it_must_be(scene: Path, step: str) -> None:
    book = open_book(scene / f"{step}.db", later())
    said = told(scene / f"{step}.txt")
    check_invariants(book, said)
    intended = step != "before_intent_commit"
    concluded = step in ("inside_outcome_commit", "after_outcome_commit")
    assert book.events() == ["T100I", "T101I"] + ["T100I"] * intended + ["T101I"] * concluded
    assert book.orphans.run() == (intended and not concluded)
    check_all_ended(book)
    again = book.issue(KEY)
    assert again.number == (2 if concluded else 1)
    check_invariants(book, said)
    book.database.close()


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
