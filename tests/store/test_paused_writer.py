"""A process is paused in the middle of its write: nobody writes beside it, and nothing of anybody is lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.engines.sqlite.locks import Patience
from broker.store.place import Reserve
from tests.support.deadline import eventually
from tests.support.places import packed
from tests.support.whole_log import check_tree

ROOT = Path(__file__).parents[2]
_PAUSE = """
import os, signal, sys
from broker.clock import SystemClock
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from tests.support.commit_faults import watched
from tests.support.log_keys import LOG_KEYS
from tests.support.places import unpacked
database = Database.open(unpacked(sys.argv[1]), SystemClock(), LOG_KEYS)
def pause(statement):
    if statement == "COMMIT":
        os.kill(os.getpid(), signal.SIGSTOP)
with watched(database, "before", pause):
    database.write(Reserve.NONE, lambda t: t.append([Record(Event.PROCESS_STARTED, {})]))
database.close()
"""


def append(database: Database) -> None:
    database.write(Reserve.NONE, lambda t: t.append([Record(Event.PROCESS_STARTED, {})]))


@contextmanager
def paused(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that stands still before its commit, and goes on in the end."""
    process = subprocess.Popen([sys.executable, "-c", _PAUSE, packed(path)], cwd=ROOT)
    try:
        stat = Path(f"/proc/{process.pid}/stat")
        assert eventually(lambda: ") T " in stat.read_text(), 20)
        yield process
    finally:
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(20) == 0


def test_nobody_writes_beside_who_is_paused_before_its_commit_and_both_are_on_record(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(database)
    with paused(path), monkeypatch.context() as hurry:
        hurry.setattr("broker.store.engines.sqlite.place._TO_WRITE", Patience(within_s=0.1, step_s=0.0005))
        with pytest.raises(LogUnavailable, match="another process holds the store"):
            append(database)
        assert database.healthy()
        assert check_tree(database) == 1
    assert check_tree(database) == 2
    append(database)
    assert check_tree(database) == 3
