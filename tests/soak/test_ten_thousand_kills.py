"""Ten thousand processes are killed, at every step of a ticket's way: what stands in the log then."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from broker.lab.tickets import Minted
from broker.model.stores import StoreLocation
from tests.support import invariants
from tests.support.clock import HandClock
from tests.support.dying_issuers import FINGERPRINTS, STEPS, Step, before_it, step_of
from tests.support.places import packed
from tests.support.postgres_server import PostgresServer
from tests.support.records import Book, open_book
from tests.support.whole_log import check_released, check_tree, check_verified
from tests.support.witness import Heard

ROOT = Path(__file__).parents[2]
KILLS = 10_000
A_STORE = 500
"""Kills on one store; the next ones find a new one, so that reading it all stays cheap."""
LATER_S = 600.0
"""After the kills runs the process that closes what they left open."""

NOT_ON_RECORD = {Step.BEFORE_INTENT_COMMIT}
ISSUED = {Step.INSIDE_OUTCOME_COMMIT, Step.CONCLUDED, Step.DELIVERING}
ORPHANED = set(STEPS) - NOT_ON_RECORD - ISSUED
MINTED = set(STEPS) - {Step.BEFORE_INTENT_COMMIT, Step.INSIDE_INTENT_COMMIT, Step.INTENDED}

pytestmark = pytest.mark.soak


@pytest.mark.timeout(1800)
def test_ten_thousand_kills_over_all_steps_deliver_no_ticket_without_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    for done in range(0, KILLS, A_STORE):
        folder = tmp_path / f"after-{done}"
        folder.mkdir(mode=0o700)
        kill(folder, A_STORE, folder / "broker.db")
        check(folder, range(A_STORE), folder / "broker.db")
        shutil.rmtree(folder)
        with capsys.disabled():
            print(f"\n{done + A_STORE} kills in {time.monotonic() - began:.0f} s", end="", flush=True)


@pytest.mark.timeout(600)
def test_as_many_as_a_store_takes_deliver_none_from_postgresql_either(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    place = postgres.new_store()
    kill(tmp_path, A_STORE, place)
    check(tmp_path, range(A_STORE), place)


def kill(folder: Path, children: int, place: StoreLocation) -> None:
    """Each of them is seen to die by SIGKILL, or this fails."""
    module = [sys.executable, "-m", "tests.support.dying_issuers"]
    subprocess.run([*module, str(folder), str(children), packed(place)], cwd=ROOT, check=True, timeout=300)


def check(folder: Path, children: Iterable[int], place: StoreLocation) -> None:
    clock = HandClock()
    clock.advance(LATER_S)
    book = open_book(place, clock)
    try:
        invariants.check_log(list(book.reading.records()))
        check_struck(folder, book, children)
        check_ends(folder, book)
        check_verified(place)
    finally:
        book.database.close()


def check_struck(folder: Path, book: Book, children: Iterable[int]) -> None:
    """Every kill came at its own step: the numbers are those of the steps, and no others."""
    killed = Counter(step_of(child) for child in children)
    whole = sum(before_it(child) for child in children)
    events = Counter(record["event"] for record in book.reading.records())
    open_ones = sum(killed[step] for step in ORPHANED)
    assert events["ticket_issued"] == whole + sum(killed[step] for step in ISSUED)
    assert events["ticket_intent"] == events["ticket_issued"] + open_ones
    assert len(heard(folder)) == whole + killed[Step.DELIVERING]
    assert len(minted(folder)) == whole + sum(killed[step] for step in MINTED)
    assert book.orphans.run() == open_ones


def check_ends(folder: Path, book: Book) -> None:
    records = list(book.reading.records())
    invariants.check_log(records)
    invariants.check_ended(records)
    invariants.check_delivered(records, heard(folder), FINGERPRINTS)
    invariants.check_minted(records, minted(folder), FINGERPRINTS)
    invariants.check_columns(book.database)
    check_tree(book.database)
    check_released(book.database, [], invariants.receipts_of(heard(folder)))


def minted(folder: Path) -> list[Minted]:
    """What vCenter made."""
    lines = (line.split() for line in lines_of(folder / "minted"))
    return [Minted(moid, issuance, ticket) for moid, issuance, ticket in lines]


def heard(folder: Path) -> list[Heard]:
    """What reached the apps, cut answers too."""
    lines = (line.partition(" ") for line in lines_of(folder / "delivered"))
    return [Heard(int(log_size), answer.encode()) for log_size, _, answer in lines]


def lines_of(file: Path) -> list[str]:
    return file.read_text().split("\n")[1:]
