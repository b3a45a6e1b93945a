"""The write-ahead log of a store is torn, cut or changed after a crash: what stays is a prefix, whole."""

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from broker.tlog.tiles import TILE_WIDTH
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.whole_log import check_released, check_tree, checkpoint_of

BATCHES = (3, TILE_WIDTH - 4, 2, 1)
"""Records of each transaction: the third fills a tile."""
FRAME = 24 + 4096
"""Bytes of a frame: its header, and a page."""
OFFSETS = (1, 100, FRAME - 1)
"""Bytes of a frame that are left of it, or where in it one is changed."""


def append(database: Database, count: int) -> str:
    """Records of one transaction; the checkpoint after it."""
    started = [Record(Event.PROCESS_STARTED, {})] * count
    committed = database.commit(Reserve.NONE, lambda transaction: transaction.append(started))
    return committed.receipt(committed.result[0]).checkpoint


class Crashed:
    """The files that a process left, and what it had been told by each size of the WAL."""

    def __init__(self, path: Path, folder: Path) -> None:
        database = Database.open(path, HandClock(), LOG_KEYS)
        self.folder = folder
        self.told = [(0, checkpoint_of(database))]
        self.sizes = [self.wal(path).stat().st_size]
        for count in BATCHES:
            self.told.append((self.told[-1][0] + count, append(database, count)))
            self.sizes.append(self.wal(path).stat().st_size)
        self.path = folder / "store.db"
        # by another process: this one would drop its own locks on them
        subprocess.run(["cp", path, self.path], check=True)
        subprocess.run(["cp", self.wal(path), self.wal(self.path)], check=True)
        database.close()

    @staticmethod
    def wal(path: Path) -> Path:
        return path.with_name(path.name + "-wal")

    def holds_after(self, wal: bytes, folder: Path) -> int:
        """How many records a process finds that opens the store with that WAL; the whole tree is checked."""
        folder.mkdir()
        path = folder / "store.db"
        shutil.copy(self.path, path)
        self.wal(path).write_bytes(wal)
        database = Database.open(path, HandClock(), LOG_KEYS)
        try:
            size = check_tree(database)
            check_released(database, [note for reached, note in self.told if reached <= size])
            append(database, 1)
            assert check_tree(database) == size + 1
        finally:
            database.close()
        return size


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    folder = tmp_path_factory.mktemp("crashed")
    return Crashed(tmp_path_factory.mktemp("running") / "store.db", folder)


def frames(crashed: Crashed) -> list[tuple[int, int]]:
    """Where each transaction's last frame begins, and the records there are without it."""
    ends = zip(crashed.sizes[1:], crashed.told, strict=False)
    return [(end - FRAME, before) for end, (before, _) in ends]


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_torn_last_frame_takes_its_transaction_with_it_and_no_other(
    crashed: Crashed, tmp_path: Path, offset: int
) -> None:
    whole = crashed.wal(crashed.path).read_bytes()
    for number, (begin, before) in enumerate(frames(crashed)):
        assert crashed.holds_after(whole[: begin + offset], tmp_path / str(number)) == before


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_changed_byte_takes_its_transaction_and_all_after_it(
    crashed: Crashed, tmp_path: Path, offset: int
) -> None:
    for number, (begin, before) in enumerate(frames(crashed)):
        changed = bytearray(crashed.wal(crashed.path).read_bytes())
        changed[begin + offset] ^= 0x20
        assert crashed.holds_after(bytes(changed), tmp_path / str(number)) == before


def test_a_wal_cut_between_two_transactions_leaves_what_was_told_by_then(
    crashed: Crashed, tmp_path: Path
) -> None:
    whole = crashed.wal(crashed.path).read_bytes()
    assert all(end - begin >= 2 * FRAME for begin, end in pairwise(crashed.sizes))
    for size, (records, _) in zip(crashed.sizes, crashed.told, strict=True):
        assert crashed.holds_after(whole[:size], tmp_path / str(records)) == records
