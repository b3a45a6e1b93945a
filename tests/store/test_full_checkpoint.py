"""SQLite moves its write-ahead log into the file, and the disk takes nothing there: nothing is lost by it."""

import errno
import os
import subprocess
import sys
from pathlib import Path

from broker.store.database import Database
from broker.store.log import StoredLog
from tests.support.clock import HandClock
from tests.support.faulty_disk import DATABASE, faulty_disk
from tests.support.log_keys import LOG_KEYS
from tests.support.whole_log import check_tree

ROOT = Path(__file__).parents[2]
BATCHES, BATCH = 60, 100
FRAMES = 1000
"""As many make SQLite move them."""
_APPEND = """
import os, sys
from pathlib import Path
from broker.clock import SystemClock
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from tests.support.log_keys import LOG_KEYS
database = Database.open(Path(sys.argv[1]), SystemClock(), LOG_KEYS)
for _ in range(int(sys.argv[2])):
    database.write(Reserve.NONE, lambda t: t.append([Record(Event.PROCESS_STARTED, {})] * int(sys.argv[3])))
os._exit(0)
"""


def test_records_stay_ahead_until_the_file_takes_them(tmp_path: Path) -> None:
    path, disk = tmp_path / "store.db", faulty_disk(tmp_path)
    Database.open(path, HandClock(), LOG_KEYS).close()
    disk.break_down("write", errno.ENOSPC, DATABASE)
    command = [sys.executable, "-c", _APPEND, str(path), str(BATCHES), str(BATCH)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **disk.environment}, check=True)
    assert path.with_name("store.db-wal").stat().st_size > FRAMES * 4096
    database = Database.open(path, HandClock(), LOG_KEYS)
    assert check_tree(database) == StoredLog(database).size() == BATCHES * BATCH
    database.close()
    assert path.stat().st_size > BATCHES * BATCH * 100
    assert not path.with_name("store.db-wal").exists()
