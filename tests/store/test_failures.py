"""Disks that fill, files that vanish, commits that fail: what is known then, and the way back."""

import errno
import fcntl
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import InvalidRequestError

from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.engines.sqlite.locks import Patience
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When, failing, watched
from tests.support.log_keys import LOG_KEYS

RECORD = Record(Event.PROCESS_STARTED, {"kind": "serve"})


def append(database: Database, reserve: Reserve = Reserve.NONE) -> None:
    StoredLog(database).append([RECORD], reserve)


def seqs(database: Database) -> list[int]:
    return [leaf.seq for leaf in StoredLog(database).leaves(0, 1000)]


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_removed_file_is_noticed_before_the_next_write_and_its_return_heals(
    database: Database, path: Path, suffix: str
) -> None:
    append(database)
    file = path.with_name(path.name + suffix)
    file.rename(path.with_name("aside"))
    with pytest.raises(LogUnavailable, match="gone"):
        append(database)
    assert not database.healthy()
    path.with_name("aside").rename(file)
    append(database)
    assert database.healthy()
    assert seqs(database) == [0, 1]


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_replaced_file_is_noticed_before_the_next_write(
    database: Database, path: Path, suffix: str
) -> None:
    append(database)
    file = path.with_name(path.name + suffix)
    shutil.copy(file, path.with_name("copy"))
    path.with_name("copy").rename(file)
    with pytest.raises(LogUnavailable, match="replaced"):
        append(database)


def test_a_symbolic_link_in_place_of_the_store_is_noticed(database: Database, path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.symlink_to(path.with_name("aside"))
    with pytest.raises(LogUnavailable, match="replaced"):
        append(database)


def test_a_store_made_read_only_is_noticed_and_heals(database: Database, path: Path) -> None:
    path.chmod(0o400)
    with pytest.raises(LogUnavailable, match="read-only"):
        append(database)
    path.chmod(0o600)
    append(database)
    assert seqs(database) == [0]


def disk(monkeypatch: pytest.MonkeyPatch, *, free_mib: float, flags: int = 0) -> None:
    room = SimpleNamespace(f_flag=flags, f_bavail=int(free_mib * 256), f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: room)


def test_a_file_system_gone_read_only_is_noticed_and_heals(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        disk(patch, free_mib=9999, flags=os.ST_RDONLY)
        with pytest.raises(LogUnavailable, match="read-only"):
            append(database)
    append(database)


@pytest.mark.parametrize(
    ("free_mib", "taken"),
    [
        (65, [Reserve.UNTOUCHED, Reserve.HALF, Reserve.NONE]),
        (63, [Reserve.HALF, Reserve.NONE]),
        (31, [Reserve.NONE]),
        (0, [Reserve.NONE]),
    ],
)
def test_refusals_stop_at_the_reserve_and_intents_in_its_middle(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch, free_mib: float, taken: list[Reserve]
) -> None:
    database = Database.open(path, clock, LOG_KEYS, disk_reserve_mib=64)
    with monkeypatch.context() as patch:
        disk(patch, free_mib=free_mib)
        for reserve in taken:
            append(database, reserve)
        for reserve in set(Reserve) - set(taken):
            with pytest.raises(LogUnavailable, match="reserve"):
                append(database, reserve)
        assert database.healthy() is (Reserve.HALF in taken)
    assert len(seqs(database)) == len(taken)
    append(database, Reserve.UNTOUCHED)
    database.close()


def test_the_real_disk_is_asked(path: Path, clock: HandClock) -> None:
    database = Database.open(path, clock, LOG_KEYS, disk_reserve_mib=2**40)
    with pytest.raises(LogUnavailable, match="reserve"):
        append(database, Reserve.HALF)
    append(database, Reserve.NONE)
    database.close()


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT"])
def test_an_error_before_the_commit_leaves_nothing_and_stops_nothing(
    database: Database, statement: str
) -> None:
    append(database)
    with failing(database, statement, NOT_PERSISTED), pytest.raises(LogUnavailable, match="disk I/O error"):
        append(database)
    assert database.healthy()
    append(database)
    assert seqs(database) == [0, 1]


@pytest.mark.parametrize(("when", "there"), [(NOT_PERSISTED, 1), (PERSISTED, 2)])
def test_after_a_failed_commit_nothing_is_taken_until_reopened(
    database: Database, when: When, there: int
) -> None:
    append(database)
    with failing(database, "COMMIT", when), pytest.raises(LogUnavailable, match="not known"):
        append(database)
    assert not database.healthy()
    with pytest.raises(LogUnavailable, match="not known"):
        append(database)
    with pytest.raises(LogUnavailable, match="not known"):
        seqs(database)
    database.reopen()
    assert database.healthy()
    append(database)
    assert seqs(database) == list(range(there + 1))


def test_reopening_fails_while_commits_still_fail(database: Database, path: Path) -> None:
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        append(database)
    path.chmod(0o604)
    with pytest.raises(LogUnavailable, match="open to everybody"):
        database.reopen()
    assert not database.healthy()
    path.chmod(0o600)
    database.reopen()
    append(database)


def test_a_replaced_store_is_not_reopened(database: Database, path: Path, clock: HandClock) -> None:
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        append(database)
    path.rename(path.with_name("aside"))
    Database.open(path, clock, LOG_KEYS).close()
    with pytest.raises(LogUnavailable, match="look into it and restart"):
        database.reopen()
    assert not database.healthy()


def test_a_vanished_store_is_not_made_anew(database: Database, path: Path) -> None:
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        append(database)
    path.unlink()
    with pytest.raises(LogUnavailable, match="gone"):
        database.reopen()
    assert not path.exists()


def test_a_store_that_lost_a_durable_record_is_not_reopened(
    database: Database, path: Path, clock: HandClock
) -> None:
    append(database)
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        append(database)
    other = Database.open(path, clock, LOG_KEYS)
    other.write(Reserve.NONE, lambda t: t.connection.exec_driver_sql("DELETE FROM record"))
    other.write(
        Reserve.NONE, lambda t: t.connection.exec_driver_sql("UPDATE head SET size = 0, frontier = x''")
    )
    other.close()
    with pytest.raises(LogUnavailable, match="went back from 1 record to 0"):
        database.reopen()
    assert not database.healthy()


def test_a_commit_is_not_believed_where_the_store_could_not_be_written_right_after_it(
    database: Database, path: Path
) -> None:
    lock = path.with_name(f"{path.name}.lock")

    def spoil(statement: str) -> None:
        if statement == "COMMIT":
            lock.chmod(0o666)

    with watched(database, PERSISTED, spoil), pytest.raises(LogUnavailable, match=r"not known: .*o-rwx"):
        append(database)
    assert not database.healthy()
    lock.chmod(0o600)
    database.reopen()
    append(database)


def test_reopening_a_healthy_store_changes_nothing(database: Database) -> None:
    before = database._opening
    database.reopen()
    assert database._opening is before


def test_an_interrupted_commit_is_as_unknown_as_a_failed_one(database: Database) -> None:
    def interrupt(statement: str) -> None:
        if statement == "COMMIT":
            raise KeyboardInterrupt

    with watched(database, NOT_PERSISTED, interrupt), pytest.raises(KeyboardInterrupt):
        append(database)
    assert "interrupted" in database.problem()
    database.reopen()
    append(database)
    assert seqs(database) == [0]


def test_what_a_unit_of_work_raises_undoes_it_and_comes_out(database: Database) -> None:
    def work(transaction: object) -> None:
        transaction.append([RECORD])  # type: ignore[attr-defined]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(Reserve.NONE, work)
    assert seqs(database) == []
    append(database)


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(LogUnavailable, match=r"(?i)read-?only"):
        database.read(lambda c: c.exec_driver_sql("DELETE FROM record"))


def test_an_error_text_holds_no_parameters(database: Database) -> None:
    secret = "canary-of-a-parameter"
    with pytest.raises(LogUnavailable) as failed:
        database.read(lambda c: c.exec_driver_sql("SELECT ? FROM nowhere", (secret,)))
    assert secret not in str(failed.value)
    assert failed.value.__cause__ is None


def test_another_process_that_holds_the_store_too_long_is_no_reason_to_stop(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.store.engines.sqlite.engine._WAIT_S", 0.1)
    impatient = Database.open(path, database.clock, LOG_KEYS)
    database._opening.writer.exec_driver_sql("BEGIN IMMEDIATE")
    with pytest.raises(LogUnavailable, match="locked"):
        append(impatient)
    database._opening.writer.exec_driver_sql("ROLLBACK")
    append(impatient)
    assert impatient.healthy()
    impatient.close()


def test_a_thread_that_gets_no_turn_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.store.database._TURN_S", 0.05)
    with database._turn, pytest.raises(LogUnavailable, match="no turn"):
        append(database)
    append(database)


def lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def test_whoever_can_only_read_the_directory_cannot_stop_the_store(database: Database, path: Path) -> None:
    stranger = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(stranger, fcntl.LOCK_EX)
    append(database)
    os.close(stranger)
    assert stat.S_IMODE(lock_of(path).stat().st_mode) == 0o600


def test_a_lock_that_others_may_open_or_that_leads_elsewhere_is_refused(
    database: Database, path: Path, tmp_path: Path
) -> None:
    lock_of(path).chmod(0o644)
    with pytest.raises(LogUnavailable, match="chmod o-rwx"):
        append(database)
    assert "chmod o-rwx" in database.problem()
    lock_of(path).unlink()
    lock_of(path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LogUnavailable, match="lock"):
        append(database)
    lock_of(path).unlink()
    append(database)


def test_a_process_that_never_lets_go_of_the_store_is_no_reason_to_stop(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.store.engines.sqlite.place._TO_WRITE", Patience(within_s=0.05, step_s=0.0005))
    holder = os.open(lock_of(path), os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(LogUnavailable, match="another process holds the store"):
        append(database)
    os.close(holder)
    append(database)
    assert database.healthy()


def test_a_store_that_may_not_be_examined_takes_nothing_and_heals(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", forbidden)
        with pytest.raises(LogUnavailable, match="Permission denied"):
            append(database)
    append(database)


def test_a_transaction_that_cannot_be_undone_stops_the_store_until_reopened(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("broker.store.engines.sqlite.engine.driver", lost)
        with failing(database, "INSERT", NOT_PERSISTED), pytest.raises(LogUnavailable):
            append(database)
    assert "could not be undone" in database.problem()
    database.reopen()
    append(database)
    assert seqs(database) == [0]


def test_an_error_that_is_not_the_drivers_is_told_by_its_kind_alone(database: Database) -> None:
    def work(_: object) -> None:
        raise InvalidRequestError("with words that nobody chose for a log")

    with pytest.raises(LogUnavailable, match=r"record: InvalidRequestError$"):
        database.write(Reserve.NONE, work)


def test_a_store_whose_head_cannot_be_read_is_not_reopened(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: object) -> None:
        raise InvalidRequestError("its connection ended")

    append(database)
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        append(database)
    with monkeypatch.context() as patch:
        patch.setattr("broker.store.database.read_head", lost)
        with pytest.raises(LogUnavailable, match="cannot be read"):
            database.reopen()
    assert not database.healthy()
    database.reopen()
    append(database)


def test_no_records_are_appended_without_a_gap(database: Database) -> None:
    assert database.write(Reserve.NONE, lambda transaction: transaction.append([])) == range(0)
    append(database)
    assert seqs(database) == [0]
