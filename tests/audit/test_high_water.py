"""The mark beside a log: it follows, never goes back, and a log that does not reach it is refused."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.audit.custody.high_water import HighWater
from broker.audit.custody.mark import MarkFile, mark_of
from broker.audit.custody.opening import kept
from broker.audit.reading import AuditReading
from broker.errors import LogUnavailable, Trouble
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.tlog.checkpoint import TreeHead, parsed_checkpoint, signed_checkpoint
from broker.tlog.note import SignerKey
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS, ORIGIN

STARTED = Record(Event.PROCESS_STARTED, {"kind": "serve"})


def append(database: Database, count: int = 1) -> None:
    StoredLog(database).append([STARTED] * count, Reserve.NONE)


def marked(path: Path) -> TreeHead:
    """What the mark of the store at that path states, once its signature is verified."""
    checkpoint = parsed_checkpoint(mark_of(path, None).path.read_text())
    checkpoint.verify(LOG_KEYS.verifiers())
    return checkpoint.head


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """As every process and command opens it."""
    with kept(Database.open(path, HandClock(), LOG_KEYS), mark_of(path, None)) as database:
        yield database


def events(database: Database) -> list[str]:
    return [record["event"] for record in AuditReading(database).records()]


def refused(path: Path) -> LogUnavailable:
    with pytest.raises(LogUnavailable) as raised, opened(path):
        pass
    return raised.value


def put_back(path: Path, copy: Path) -> None:
    """What a restored backup does; the mark lies elsewhere, so it stays."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, path)


def test_a_new_log_says_first_who_it_is_and_its_mark_follows_it(path: Path) -> None:
    with opened(path) as database:
        assert events(database) == ["log_began"]
        fields = next(AuditReading(database).records())["fields"]
        assert fields == {"origin": ORIGIN, "epoch": 1, "keys": [str(LOG_KEYS.verifiers()[0])]}
        assert marked(path).size == 1
        append(database, 3)
    assert marked(path).size == 4
    with opened(path) as database:
        assert len(events(database)) == 4


def test_a_restored_backup_is_refused_with_both_sizes(path: Path, tmp_path: Path) -> None:
    with opened(path) as database:
        append(database, 2)
    shutil.copy(path, tmp_path / "backup.db")
    with opened(path) as database:
        append(database, 4)
    put_back(path, tmp_path / "backup.db")
    refusal = refused(path)
    assert refusal.trouble is Trouble.LOG_ROLLED_BACK
    assert "holds 3 records" in refusal.detail
    assert "stands at 7" in refusal.detail
    assert "broker audit epoch open" in refusal.detail
    assert marked(path).size == 7


def test_a_store_that_went_on_from_a_backup_is_refused_though_it_is_longer(
    path: Path, tmp_path: Path
) -> None:
    with opened(path) as database:
        append(database, 2)
    shutil.copy(path, tmp_path / "backup.db")
    with opened(path) as database:
        append(database, 2)
    put_back(path, tmp_path / "backup.db")
    unmarked = Database.open(path, HandClock(), LOG_KEYS)
    append(unmarked, 9)
    unmarked.close()
    refusal = refused(path)
    assert refusal.trouble is Trouble.LOG_ROLLED_BACK
    assert "first 5 of 12 records" in refusal.detail


def test_a_store_whose_write_ahead_log_was_cut_short_of_the_mark_is_refused(
    path: Path, tmp_path: Path
) -> None:
    """Whole after a crash it holds what the mark says; a byte less, and SQLite drops a transaction of it."""
    left = tmp_path / "left"
    left.mkdir()
    with opened(path) as database:
        append(database, 3)
        subprocess.run(["cp", path, f"{path}-wal", left], check=True)
    for cut in (0, 1):
        put_back(path, left / path.name)
        whole = (left / f"{path.name}-wal").read_bytes()
        path.with_name(f"{path.name}-wal").write_bytes(whole[: len(whole) - cut])
        if cut:
            assert "holds 1 record," in refused(path).detail
        else:
            with opened(path) as database:
                assert len(events(database)) == 4


def test_a_store_that_is_gone_is_not_begun_anew_beside_its_mark(path: Path) -> None:
    with opened(path) as database:
        append(database)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert "holds 0 records" in refused(path).detail


def test_a_mark_that_was_taken_away_starts_anew_on_record(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path) as database:
        append(database)
    mark_of(path, None).path.unlink()
    with opened(path) as database:
        assert events(database)[-1] == "high_water_started"
        assert list(AuditReading(database).records())[-1]["fields"] == {"size": 2}
    assert "no high-water mark" in caplog.text
    assert marked(path).size == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "no text"),
        (b"", "not a signed note"),
        (b"broker.test/audit\n7\n", "without signatures"),
    ],
)
def test_a_mark_that_is_none_is_refused(path: Path, content: bytes, said: str) -> None:
    with opened(path):
        pass
    mark_of(path, None).path.write_bytes(content)
    refusal = refused(path)
    assert refusal.trouble is Trouble.HIGH_WATER_UNUSABLE
    assert said in refusal.detail


def test_the_mark_of_another_log_is_refused(path: Path) -> None:
    with opened(path):
        pass
    stranger = SignerKey.generated("other.test/audit")
    note = signed_checkpoint(TreeHead("other.test/audit", 1, bytes(32)), [stranger])
    mark_of(path, None).path.write_text(note)
    assert "that of another log, other.test/audit" in refused(path).detail


def test_a_mark_with_a_wrong_signature_is_refused_and_signatures_of_strangers_say_nothing(path: Path) -> None:
    with opened(path):
        pass
    file = mark_of(path, None).path
    note = file.read_text()
    witness = SignerKey.generated("witness.example")
    cosigned = signed_checkpoint(parsed_checkpoint(note).head, [witness]).splitlines()[-1]
    file.write_text(note + cosigned + "\n")
    with opened(path):
        pass
    text, _, signature = note.rpartition(" ")
    wrong = signature[:8] + ("B" if signature[8] == "A" else "A") + signature[9:]
    file.write_text(f"{text} {wrong}")
    assert "signature" in refused(path).detail


def test_of_two_processes_none_moves_the_mark_back(path: Path) -> None:
    with opened(path) as one, opened(path) as other:
        ahead, behind = (HighWater(database, mark_of(path, None)) for database in (one, other))
        append(other)
        behind.advance()
        append(one, 5)
        ahead.advance()
        assert marked(path).size == 7
        behind.advance()
        assert marked(path).size == 7
    assert marked(path).size == 7


def test_whoever_has_no_turn_leaves_the_mark_to_the_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.audit.custody.high_water._TURN_S", 0.0)
    with opened(path) as one, opened(path) as other:
        append(one)
        with other.turn("high-water", 0.0):
            HighWater(one, mark_of(path, None)).advance()
            assert marked(path).size == 1
        HighWater(one, mark_of(path, None)).advance()
        assert marked(path).size == 2


def test_a_running_process_that_meets_a_mark_beyond_its_log_takes_nothing_any_more(path: Path) -> None:
    with opened(path) as database:
        water = HighWater(database, mark_of(path, None))
        beyond = signed_checkpoint(TreeHead(ORIGIN, 100, bytes(32)), LOG_KEYS.keys)
        mark_of(path, None).path.write_text(beyond)
        append(database)
        with pytest.raises(LogUnavailable, match="stands at 100"):
            water.advance()
        with pytest.raises(LogUnavailable, match="stands at 100"):
            append(database)
        trouble = database.trouble()
        assert trouble is not None
        assert trouble.trouble is Trouble.LOG_ROLLED_BACK
        database.reopen()
        with pytest.raises(LogUnavailable, match="stands at 100"):
            append(database)


def test_a_mark_that_cannot_be_written_stops_nobody_and_is_told(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = MarkFile(tmp_path / "not" / "there" / "mark")
    with kept(Database.open(path, HandClock(), LOG_KEYS), nowhere) as database:
        append(database)
        with pytest.raises(LogUnavailable) as raised:
            HighWater(database, nowhere).advance()
    assert raised.value.trouble is Trouble.HIGH_WATER_UNUSABLE
    assert "No such file or directory" in caplog.text


def test_nothing_of_a_mark_is_left_where_it_could_not_be_put_in_place(path: Path, tmp_path: Path) -> None:
    taken = tmp_path / "mark"
    taken.mkdir()
    with opened(path) as database, pytest.raises(LogUnavailable, match="directory"):
        MarkFile(taken).write(database.look().checkpoint)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".mark")] == []
