"""One store has one file, on one machine, under one name: whatever else is refused, or shows."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.whole_log import check_released, check_tree, checkpoint_of

ROOT = Path(__file__).parents[2]
_BARRED = """
import os, sys
from pathlib import Path
from broker.clock import SystemClock
from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.log_keys import LOG_KEYS
folder, user = Path(sys.argv[1]), os.geteuid()
Database.open(folder / "imported.db", SystemClock(), LOG_KEYS).close()
if user == 0:
    os.seteuid(65534)
database = Database.open(folder / "store.db", SystemClock(), LOG_KEYS)
log = StoredLog(database)
def append():
    log.append([Record(Event.PROCESS_STARTED, {})], Reserve.NONE)
append()
for barred, mode in ((folder, 0), (folder / "store.db", 0), (folder / "store.db", 0o400)):
    before = barred.stat().st_mode & 0o777
    barred.chmod(mode)
    try:
        append()
        print("taken")
    except LogUnavailable as unavailable:
        print(unavailable.detail)
    barred.chmod(before)
    append()
print(log.size())
os.seteuid(user)
"""


def append(database: Database, kind: str = "serve") -> None:
    database.write(Reserve.NONE, lambda t: t.append([Record(Event.PROCESS_STARTED, {"kind": kind})]))


def mounted_as(kind: str, folder: Path, told: Path) -> Path:
    """What the kernel would list if the folder lay on such a file system."""
    device = folder.stat().st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    told.write_text(
        "22 27 0:21 / /proc rw,nosuid - proc proc rw\n"
        f"64 27 {name} / /srv/with\\040blank rw,relatime shared:1 - {kind} filer:/export rw,vers=4.2\n"
    )
    return told


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs"])
def test_on_a_network_file_system_no_store_is_made_and_none_is_opened(
    path: Path, clock: HandClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    Database.open(path, clock, LOG_KEYS).close()
    mounts = mounted_as(kind, tmp_path, tmp_path / "mountinfo")
    monkeypatch.setattr("broker.store.engines.sqlite.mounts._MOUNTS", mounts)
    for store in (path, tmp_path / "new.db"):
        with pytest.raises(LogUnavailable, match=rf"network file system \({kind}\): .* PostgreSQL"):
            Database.open(store, clock, LOG_KEYS)
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "overlay", ""])
def test_on_a_disk_of_this_machine_or_where_the_kernel_says_nothing_it_is_opened(
    path: Path, clock: HandClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    told = tmp_path / "mountinfo"
    if kind:
        mounted_as(kind, tmp_path, told)
    monkeypatch.setattr("broker.store.engines.sqlite.mounts._MOUNTS", told)
    Database.open(path, clock, LOG_KEYS).close()


def test_a_store_that_has_two_names_is_opened_by_neither(path: Path, clock: HandClock) -> None:
    """SQLite would keep a WAL by each, and either would undo what the other wrote."""
    database, second = Database.open(path, clock, LOG_KEYS), path.with_name("second.db")
    append(database)
    second.hardlink_to(path)
    for name in (path, second):
        with pytest.raises(LogUnavailable, match="has another name"):
            Database.open(name, clock, LOG_KEYS)
    append(database)
    second.unlink()
    other = Database.open(path, clock, LOG_KEYS)
    append(other)
    assert check_tree(database) == 3
    for each in (database, other):
        each.close()


def test_a_store_reached_by_another_way_to_its_folder_is_the_same(path: Path, clock: HandClock) -> None:
    way = path.parent / "way"
    way.symlink_to(path.parent)
    databases = [Database.open(name, clock, LOG_KEYS) for name in (path, way / path.name)]
    for number in range(6):
        append(databases[number % 2])
    assert [check_tree(database) for database in databases] == [6, 6]
    for database in databases:
        database.close()


def test_a_copy_that_another_broker_serves_is_another_log_and_their_heads_show_it(
    path: Path, clock: HandClock
) -> None:
    first = Database.open(path, clock, LOG_KEYS)
    append(first)
    first.close()
    shutil.copy(path, path.with_name("copy.db"))
    first, copy = (Database.open(name, clock, LOG_KEYS) for name in (path, path.with_name("copy.db")))
    append(first, "first")
    append(copy, "copy")
    assert (check_tree(first), check_tree(copy)) == (2, 2)
    for one, other in ((first, copy), (copy, first)):
        with pytest.raises(AssertionError, match="the log denies"):
            check_released(one, [checkpoint_of(other)])
    for each in (first, copy):
        each.close()


def test_a_folder_that_is_removed_while_it_is_served_takes_the_store_with_it(
    tmp_path: Path, clock: HandClock
) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    database = Database.open(folder / "store.db", clock, LOG_KEYS)
    append(database)
    shutil.rmtree(folder)
    with pytest.raises(LogUnavailable, match="gone"):
        append(database)
    assert not database.healthy()
    database.reopen()
    assert not folder.exists()
    database.close()


def test_who_loses_the_right_to_its_files_writes_nothing_until_it_has_it_again() -> None:
    """As a user that rights hold for: to root, all is open."""
    folder = Path(tempfile.mkdtemp())
    try:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        done = subprocess.run(
            [sys.executable, "-c", _BARRED, folder], cwd=ROOT, capture_output=True, text=True, check=True
        )
    finally:
        shutil.rmtree(folder)
    store = folder / "store.db"
    assert done.stdout.splitlines() == [
        f"a file of the store {store} is gone: Permission denied",
        f"the store {store} is read-only",
        f"the store {store} is read-only",
        "4",
    ]
