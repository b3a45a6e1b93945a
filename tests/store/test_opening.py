"""Which files are taken for a store, and with which rights."""

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.store import schema
from broker.store.database import Database
from broker.store.engines.sqlite.schema import VERSION
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS

ROOT = Path(__file__).parents[2]
RECORD = Record(Event.PROCESS_STARTED, {"kind": "serve"})

_OPEN_AND_WRITE = """
import sys
from pathlib import Path
from broker.clock import SystemClock
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.log_keys import LOG_KEYS
sys.stdin.readline()
database = Database.open(Path(sys.argv[1]), SystemClock(), LOG_KEYS)
for _ in range(10):
    StoredLog(database).append([Record(Event.PROCESS_STARTED, {})], Reserve.NONE)
database.close()
"""


def append(database: Database) -> None:
    StoredLog(database).append([RECORD], Reserve.NONE)


def test_a_new_store_is_readable_by_its_owner_only(path: Path, clock: HandClock) -> None:
    umask = os.umask(0)
    try:
        database = Database.open(path, clock, LOG_KEYS)
    finally:
        os.umask(umask)
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in path.parent.iterdir()}
    made = ("", "-wal", "-shm", ".lock", ".lock.gate")
    assert modes == {f"store.db{each}": 0o600 for each in made}
    database.close()


@pytest.mark.parametrize("rights", [0o604, 0o602, 0o601, 0o666])
def test_a_store_that_others_may_touch_is_refused(path: Path, clock: HandClock, rights: int) -> None:
    Database.open(path, clock, LOG_KEYS).close()
    path.chmod(rights)
    with pytest.raises(LogUnavailable, match="chmod o-rwx"):
        Database.open(path, clock, LOG_KEYS)


def test_a_group_may_share_a_store(path: Path, clock: HandClock) -> None:
    Database.open(path, clock, LOG_KEYS).close()
    path.chmod(0o660)
    Database.open(path, clock, LOG_KEYS).close()


def test_a_directory_that_everybody_may_write_is_refused(tmp_path: Path, clock: HandClock) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    with pytest.raises(LogUnavailable, match="chmod o-w"):
        Database.open(folder / "store.db", clock, LOG_KEYS)
    assert list(folder.iterdir()) == []


def test_a_store_that_must_exist_is_never_made(path: Path, clock: HandClock) -> None:
    with pytest.raises(LogUnavailable, match="there is no store"):
        Database.open_existing(path, clock, LOG_KEYS)
    assert not path.exists()
    Database.open(path, clock, LOG_KEYS).close()
    database = Database.open_existing(path, clock, LOG_KEYS)
    append(database)
    database.close()


def test_a_store_that_was_removed_is_not_made_anew_by_its_recovery(path: Path, clock: HandClock) -> None:
    database = Database.open(path, clock, LOG_KEYS)
    database._jam("as the test says")
    path.unlink()
    with pytest.raises(LogUnavailable):
        database.reopen()
    assert not path.exists()
    database.close()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path, clock: HandClock) -> None:
    with pytest.raises(LogUnavailable, match="nowhere"):
        Database.open(tmp_path / "nowhere" / "store.db", clock, LOG_KEYS)


@pytest.mark.parametrize("other", ["link", "folder", "fifo"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, clock: HandClock, other: str) -> None:
    path = tmp_path / "store.db"
    if other == "link":
        (tmp_path / "target").touch(0o600)
        path.symlink_to(tmp_path / "target")
    elif other == "folder":
        path.mkdir()
    else:
        os.mkfifo(path, 0o600)
    with pytest.raises(LogUnavailable, match="not a regular file"):
        Database.open(path, clock, LOG_KEYS)


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, clock: HandClock) -> None:
    path.write_bytes(b"precious notes" * 100)
    path.chmod(0o600)
    with pytest.raises(LogUnavailable, match="NOTADB"):
        Database.open(path, clock, LOG_KEYS)
    assert path.read_bytes() == b"precious notes" * 100


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path, clock: HandClock) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE precious (a)")
    other.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(LogUnavailable, match="another program"):
        Database.open(path, clock, LOG_KEYS)
    assert path.read_bytes() == before


def test_an_unknown_schema_version_is_refused_by_name(path: Path, clock: HandClock) -> None:
    Database.open(path, clock, LOG_KEYS).close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version={VERSION + 1}")
    newer.close()
    with pytest.raises(
        LogUnavailable, match=f"schema version {VERSION + 1}, this broker knows version {VERSION}"
    ):
        Database.open(path, clock, LOG_KEYS)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DELETE FROM record WHERE seq = 3", "damaged at record 3"),
        ("DELETE FROM record WHERE seq = 0", "its head stands for 5 records"),
        ("UPDATE record SET leaf = x'7b7d' WHERE seq = 2", "damaged at record 2"),
        ("UPDATE record SET code = 'T101I' WHERE seq = 4", "damaged at record 4"),
    ],
)
def test_a_damaged_tail_is_noticed_at_opening(path: Path, clock: HandClock, damage: str, named: str) -> None:
    database = Database.open(path, clock, LOG_KEYS)
    for _ in range(5):
        append(database)
    database.close()
    raw = sqlite3.connect(path)
    raw.execute(damage)
    raw.commit()
    raw.close()
    with pytest.raises(LogUnavailable, match=named):
        Database.open(path, clock, LOG_KEYS)


def test_a_record_survives_closing_and_opening(path: Path, clock: HandClock) -> None:
    database = Database.open(path, clock, LOG_KEYS)
    append(database)
    database.close()
    again = Database.open(path, clock, LOG_KEYS)
    append(again)
    assert [leaf.seq for leaf in StoredLog(again).leaves(0, 10)] == [0, 1]
    assert again.boot != database.boot
    again.close()


def test_a_path_with_signs_of_a_url_is_a_path(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "a%20b?c#d&mode=memory.db"
    database = Database.open(path, clock, LOG_KEYS)
    append(database)
    database.close()
    assert path.stat().st_size > 0


def test_a_closed_store_takes_and_gives_nothing(database: Database) -> None:
    database.close()
    with pytest.raises(LogUnavailable, match="closed"):
        append(database)
    with pytest.raises(LogUnavailable, match="closed"):
        StoredLog(database).size()
    database.reopen()
    assert not database.healthy()


def test_many_processes_may_open_a_store_that_is_not_there_yet(path: Path, clock: HandClock) -> None:
    command = [sys.executable, "-c", _OPEN_AND_WRITE, str(path)]
    children = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True) for _ in range(3)]
    for child in children:
        child.communicate("go\n")
    assert [child.returncode for child in children] == [0, 0, 0]
    database = Database.open(path, clock, LOG_KEYS)
    assert [leaf.seq for leaf in StoredLog(database).leaves(0, 100)] == list(range(30))
    database.close()


def test_a_forked_child_may_not_use_its_parents_store(database: Database) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, database.problem().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"before a fork" in os.read(reading, 1000)
    os.close(reading)
    os.close(writing)


def test_a_store_that_lost_its_log_is_refused(path: Path, clock: HandClock) -> None:
    Database.open(path, clock, LOG_KEYS).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE record")
    with pytest.raises(LogUnavailable, match="cannot be used: SQLITE_ERROR: no such table"):
        Database.open(path, clock, LOG_KEYS)


def test_a_store_that_was_replaced_while_it_was_opened_is_refused(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database.open(path, clock, LOG_KEYS).close()
    verify = schema.verify_tail

    def replace_and_verify(connection: Connection) -> None:
        verify(connection)
        shutil.copy(path, path.with_name("copy"))
        path.with_name("copy").rename(path)

    with monkeypatch.context() as patch:
        patch.setattr(schema, "verify_tail", replace_and_verify)
        with pytest.raises(LogUnavailable, match="replaced while it was opened"):
            Database.open(path, clock, LOG_KEYS)
    Database.open(path, clock, LOG_KEYS).close()


def test_a_process_without_descriptors_is_told_that_the_store_cannot_be_opened(
    path: Path, clock: HandClock
) -> None:
    Database.open(path, clock, LOG_KEYS).close()
    with only_one_descriptor(), pytest.raises(LogUnavailable, match="cannot be opened"):
        Database.open(path, clock, LOG_KEYS)
    Database.open(path, clock, LOG_KEYS).close()


@contextmanager
def only_one_descriptor() -> Iterator[None]:
    """That of the store's lock; none is left for its file."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open("rb") as lowest:
        free = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


_FORK_AND_WRITE = """
import os, sys
from pathlib import Path
from broker.clock import SystemClock
from broker.errors import LogUnavailable
from broker.store.database import Database
from broker.store.place import Reserve
from tests.support.log_keys import LOG_KEYS
database = Database.open(Path(sys.argv[1]), SystemClock(), LOG_KEYS)
child = os.fork()
if child == 0:
    try:
        database.write(Reserve.NONE, lambda transaction: None)
    except LogUnavailable as unavailable:
        sys.exit(3 if "before a fork" in unavailable.detail else 1)
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_store_is_not_used_across_a_fork(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FORK_AND_WRITE, str(path)], cwd=ROOT, check=False)
    assert done.returncode == 3
