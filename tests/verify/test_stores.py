"""A copy of a store: what is wrong in it is found, and the first record that is wrong is named."""

import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from broker.clock import SystemClock
from broker.errors import LogUnavailable
from broker.store.columns import NAMES
from broker.verify.crew import side_by_side
from tests.support.log_keys import LOG_KEYS
from tests.support.postgres_server import DATABASE, PostgresServer
from tests.support.records import open_book
from tests.support.verifying import (
    damaged,
    filled,
    first_of,
    kinds_of,
    verdict_on,
    verdict_where_it_lies,
)

PAYLOAD = "UPDATE record SET leaf = CAST(replace(CAST(leaf AS TEXT), '192.0.2.', '192.0.3.') AS BLOB)"


def test_a_whole_log_is_good_and_says_what_was_checked(whole: Path) -> None:
    verdict = verdict_on(whole, LOG_KEYS.verifiers())
    assert (verdict.findings, verdict.told) == ((), {})
    assert verdict.independent
    assert verdict.signers == tuple(key.id for key in LOG_KEYS.verifiers())
    assert verdict.head is not None
    assert verdict.checked["records"] == verdict.head.size > 512
    assert verdict.checked["open_attempts"] == 1


def test_an_empty_log_is_good(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled(path, issuances=0)
    damaged(path)
    assert verdict_on(path).good


def test_keys_by_the_logs_own_word_are_told_to_be_that(whole: Path) -> None:
    assert not verdict_on(whole).independent


ABOUT_RECORDS = [
    (f"{PAYLOAD} WHERE seq = 300", "record", 300),
    ("UPDATE record SET hash = zeroblob(32) WHERE seq = 300", "record", 300),
    ("UPDATE record SET leaf = CAST(leaf AS TEXT) WHERE seq = 7", "record", 7),
    ("UPDATE record SET leaf = zeroblob(9) WHERE seq = 7", "record", 7),
    ("DELETE FROM record WHERE seq = 255", "record", 255),
    ("UPDATE record SET app = 'nobody' WHERE seq = 40", "columns", 40),
    ("UPDATE record SET host = NULL WHERE seq = 40", "columns", 40),
    ("UPDATE record SET at = at + 1 WHERE seq = 41", "columns", 41),
    ("UPDATE record SET exposed_until = exposed_until - 1 WHERE seq = 41", "columns", 41),
    ("UPDATE record SET code = 'T103E' WHERE seq = 41", "columns", 41),
    ("UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND idx = 1", "tree", 256),
    ("DELETE FROM tile WHERE level = 0 AND idx = 1", "tree", 256),
]


@pytest.mark.parametrize(("statement", "kind", "index"), ABOUT_RECORDS)
def test_the_first_record_that_is_wrong_is_named(copy: Path, statement: str, kind: str, index: int) -> None:
    damaged(copy, statement)
    assert first_of(verdict_on(copy)) == (kind, index)


ISSUANCE = "app, state, reason, host, vcenter, grant_id, attempts, at, exposure_until"
BESIDE = [
    ("UPDATE tile SET hashes = zeroblob(64) WHERE level = 1", "tree"),
    ("UPDATE head SET frontier = zeroblob(length(frontier))", "tree"),
    ("UPDATE head SET size = size - 1", "record"),
    ("UPDATE head SET origin = 'elsewhere/audit'", "tree"),
    ("UPDATE head SET checkpoint = replace(checkpoint, char(10), char(13))", "checkpoint"),
    ("UPDATE log_key SET until_size = 5", "checkpoint"),
    ("UPDATE log_key SET key_id = '00000000'", "keys"),
    ("DELETE FROM log_key", "checkpoint"),
    ("UPDATE issuance SET state = 'refused' WHERE seq = 42", "tables"),
    ("UPDATE issuance SET exposure_until = 1 WHERE seq = 0", "tables"),
    ("UPDATE issuance SET app = 'nobody' WHERE seq = 40", "tables"),
    ("DELETE FROM issuance WHERE seq = 40", "tables"),
    (f"INSERT INTO issuance SELECT 1, 'x', {ISSUANCE} FROM issuance WHERE seq = 0", "tables"),
    ("DELETE FROM terminal WHERE seq = 41", "tables"),
    ("UPDATE terminal SET seq = 43 WHERE seq = 41", "tables"),
    ("DELETE FROM open_attempt", "tables"),
    ("UPDATE open_attempt SET deadline = deadline + 1", "tables"),
    ("DELETE FROM named_host", "tables"),
    ("UPDATE used_template SET seq = seq + 1", "tables"),
]


@pytest.mark.parametrize(("statement", "kind"), BESIDE)
def test_what_is_kept_beside_the_records_must_be_what_they_tell(
    copy: Path, statement: str, kind: str
) -> None:
    damaged(copy, statement)
    assert first_of(verdict_on(copy))[0] == kind


def test_a_record_that_the_head_does_not_know_is_found(copy: Path) -> None:
    columns = ", ".join(("hash", *NAMES, "leaf"))
    damaged(copy, f"INSERT INTO record SELECT 9999, {columns} FROM record WHERE seq = 0")
    assert first_of(verdict_on(copy)) == ("record", None)


def test_a_size_beyond_all_records_makes_no_endless_work(copy: Path) -> None:
    size = _rows(copy, "SELECT size FROM head")[0][0]
    damaged(copy, f"UPDATE head SET size = {2**60}")
    assert ("record", size) in kinds_of(verdict_on(copy))


def test_a_copy_is_not_touched_nor_are_files_made_beside_it(copy: Path) -> None:
    before = copy.read_bytes()
    copy.chmod(stat.S_IRUSR)
    copy.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert verdict_on(copy).good
        assert [file.name for file in copy.parent.iterdir()] == [copy.name]
        assert copy.read_bytes() == before
    finally:
        copy.parent.chmod(stat.S_IRWXU)


def test_a_copy_with_its_write_ahead_log_is_checked_with_what_stands_there(
    tmp_path: Path, copy: Path
) -> None:
    open_still = sqlite3.connect(copy, isolation_level=None)
    open_still.execute(f"{PAYLOAD} WHERE seq = 300")
    taken = tmp_path / "taken.db"
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{copy}{suffix}", f"{taken}{suffix}")
    open_still.close()
    before = [file.read_bytes() for file in sorted(tmp_path.glob("taken*"))]
    assert first_of(verdict_on(taken)) == ("record", 300)
    assert [file.read_bytes() for file in sorted(tmp_path.glob("taken*"))] == before


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "no database"), (b"no database", "no database"), (b"SQLite format 3\0" + bytes(9000), "read")],
)
def test_what_is_no_store_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(LogUnavailable, match=told):
        verdict_on(file)


def test_processes_side_by_side_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    filled(path, issuances=700)
    monkeypatch.setattr("broker.verify.stored.PIECE", 256)
    damaged(path, f"{PAYLOAD} WHERE seq IN (900, 1200)", "UPDATE record SET app = 'x' WHERE seq = 999")
    wrong = verdict_on(path, crew=side_by_side)
    assert wrong == verdict_on(path)
    assert first_of(wrong) == ("record", 900)


def _rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_a_log_in_postgresql_is_checked_where_it_lies(postgres: PostgresServer) -> None:
    place = postgres.new_store()
    size = filled(place, issuances=10)
    assert verdict_where_it_lies(place).checked["records"] == size
    assert verdict_where_it_lies(place).good
    postgres.sql(f"UPDATE {place.user}.record SET app = 'nobody' WHERE seq = 5", DATABASE)
    assert first_of(verdict_where_it_lies(place)) == ("columns", 5)


def test_a_log_is_checked_at_one_moment_while_it_is_written_to(tmp_path: Path) -> None:
    path, stop = tmp_path / "store.db", threading.Event()
    book = open_book(path, SystemClock())

    def write() -> None:
        while not stop.is_set():
            book.issue()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        found = [verdict_where_it_lies(path) for _ in range(8)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
        book.database.close()
    assert [verdict.findings for verdict in found] == [()] * 8
    assert found[-1].checked["records"] > found[0].checked["records"]
