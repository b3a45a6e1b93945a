"""What a process does for its log on a beat, by a clock moved by hand, and what it says when it cannot."""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from broker.audit.custody.checkpoints import Checkpoints
from broker.audit.custody.high_water import HighWater
from broker.audit.custody.keeping import LogKeeping
from broker.audit.custody.mark import MarkFile, mark_of
from broker.audit.reading import AuditReading
from broker.model.health import Degraded
from broker.model.settings import CheckpointsOut
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import parsed_checkpoint
from tests.support.catalogue import misfits
from tests.support.clock import HandClock
from tests.support.deadline import eventually
from tests.support.log_keys import LOG_KEYS, ORIGIN


@pytest.fixture
def database(path: Path, clock: HandClock) -> Iterator[Database]:
    database = Database.open(path, clock, LOG_KEYS)
    yield database
    database.close()


def keeping(database: Database, mark: MarkFile, out: CheckpointsOut | None = None) -> LogKeeping:
    """As a process that begins has it."""
    water = HighWater(database, mark)
    water.begin()
    return LogKeeping(database, water, Checkpoints(database, out) if out else None, interval_s=0.01)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def minutes(keepers: list[LogKeeping], clock: HandClock, count: int) -> None:
    """So many pass, second by second."""
    for _ in range(60 * count):
        clock.advance(1)
        for each in keepers:
            each.step()


def test_a_line_leaves_each_minute_though_nothing_happens_and_one_of_all_processes(
    path: Path, clock: HandClock, database: Database, tmp_path: Path
) -> None:
    out = CheckpointsOut(60, tmp_path / "checkpoints.log")
    other = Database.open(path, clock, LOG_KEYS)
    keepers = [keeping(each, mark_of(path, None), out) for each in (database, other)]
    for each in keepers:
        each.step()
    minutes(keepers, clock, 3)
    told = lines(tmp_path / "checkpoints.log")
    assert [line["time"] for line in told] == [f"2026-11-23T12:0{minute}:00.000Z" for minute in range(4)]
    for line in told:
        checkpoint = parsed_checkpoint(line["checkpoint"])
        assert checkpoint.verify(LOG_KEYS.verifiers())
        assert (line["origin"], line["size"]) == (ORIGIN, checkpoint.head.size)
    assert (tmp_path / "checkpoints.log").stat().st_mode & 0o777 == 0o640 & ~umask()
    assert [each.troubles() for each in keepers] == [frozenset(), frozenset()]
    other.close()


def umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


def test_a_file_that_is_rotated_away_is_made_anew(
    path: Path, clock: HandClock, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoints.log"
    keeper = keeping(database, mark_of(path, None), CheckpointsOut(60, file))
    minutes([keeper], clock, 1)
    file.rename(tmp_path / "checkpoints.log.1")
    minutes([keeper], clock, 1)
    assert (len(lines(tmp_path / "checkpoints.log.1")), len(lines(file))) == (1, 1)


def test_checkpoints_may_leave_by_standard_output(
    path: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    keeping(database, mark_of(path, None), CheckpointsOut(60, None)).step()
    (line,) = capfd.readouterr().out.splitlines()
    assert parsed_checkpoint(json.loads(line)["checkpoint"]).head.size == 1


def test_a_checkpoint_that_does_not_leave_is_late_after_two_beats_and_told_once(
    path: Path, clock: HandClock, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = tmp_path / "not-there" / "checkpoints.log"
    keeper = keeping(database, mark_of(path, None), CheckpointsOut(60, nowhere))
    minutes([keeper], clock, 2)
    assert keeper.troubles() == frozenset()
    minutes([keeper], clock, 1)
    assert keeper.troubles() == {Degraded.CHECKPOINT_LATE}
    assert keeper.standing().checkpoint_age_s == 180
    assert caplog.text.count("no checkpoint left") == 1
    nowhere.parent.mkdir()
    minutes([keeper], clock, 1)
    assert keeper.troubles() == frozenset()
    assert len(lines(nowhere)) == 1


def test_without_a_way_out_none_leaves_and_none_is_late(
    path: Path, clock: HandClock, database: Database
) -> None:
    keeper = keeping(database, mark_of(path, None))
    minutes([keeper], clock, 5)
    assert keeper.troubles() == frozenset()
    assert keeper.standing().checkpoint_age_s is None
    assert keeper.standing().size == 1


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 31_536_000.0, -6.0])
def test_a_clock_that_is_set_is_on_record_and_shows_while_its_time_was_said_before(
    path: Path, clock: HandClock, database: Database, seconds: float
) -> None:
    keeper = keeping(database, mark_of(path, None))
    minutes([keeper], clock, 1)
    clock.correct(seconds)
    keeper.step()
    records = list(AuditReading(database).records())
    assert misfits(records) == []
    assert records[-1]["fields"] == {"step_ms": seconds * 1000, "clock_was": "2026-11-23T12:01:00.000Z"}
    assert keeper.troubles() == ({Degraded.CLOCK_STEPPED_BACK} if seconds < 0 else frozenset())
    clock.advance(abs(seconds))
    keeper.step()
    assert keeper.troubles() == frozenset()
    assert len(list(AuditReading(database).records())) == len(records)


@pytest.mark.parametrize("seconds", [4.0, -4.0])
def test_a_clock_that_is_corrected_a_little_is_no_step(
    path: Path, clock: HandClock, database: Database, seconds: float
) -> None:
    keeper = keeping(database, mark_of(path, None))
    clock.correct(seconds)
    keeper.step()
    assert [record["event"] for record in AuditReading(database).records()] == ["log_began"]
    assert keeper.troubles() == frozenset()


def test_a_mark_that_cannot_be_written_shows_until_it_can(
    database: Database, clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mark = MarkFile(tmp_path / "marks" / "mark")
    keeper = keeping(database, mark)
    caplog.clear()
    minutes([keeper], clock, 1)
    assert keeper.troubles() == {Degraded.HIGH_WATER_UNUSABLE}
    assert database.healthy()
    assert caplog.text.count("No such file") == 1
    assert [record["event"] for record in AuditReading(database).records()] == ["log_began"]
    mark.path.parent.mkdir()
    keeper.step()
    assert keeper.troubles() == frozenset()
    assert parsed_checkpoint(mark.path.read_text()).head.size == 1


def test_the_beat_goes_on_by_itself_and_the_mark_is_where_the_log_ends(
    path: Path, database: Database
) -> None:
    mark = mark_of(path, None)
    keeper = keeping(database, mark)
    keeper.start()
    mark.path.unlink()
    assert eventually(mark.path.exists)
    keeper.stop()
    assert parsed_checkpoint(mark.path.read_text()).head == parsed_checkpoint(database.look().checkpoint).head


def test_a_log_that_went_back_is_told_by_the_beat(
    path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keeping(database, mark_of(path, None))
    keeper.step()
    other = Database.open(path, database.clock, LOG_KEYS)
    for statement in ("DELETE FROM record", "UPDATE head SET size = 0, frontier = x''"):
        other.write(Reserve.NONE, partial(execute, statement))
    other.close()
    keeper.step()
    assert "went back from 1 record to 0" in caplog.text
    assert not database.healthy()


def execute(statement: str, transaction: Transaction) -> None:
    transaction.connection.exec_driver_sql(statement)
