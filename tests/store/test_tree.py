"""The tree grows in the transactions of its records; its heads are signed, and receipts prove things."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest

from broker.errors import LogUnavailable, SecretUnavailable
from broker.model.receipt import Receipt
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import TreeHead, parsed_checkpoint
from broker.tlog.merkle import HASH_BYTES, Frontier, consistency_path, consistent, included, leaf_hash
from broker.tlog.note import VerifierKey
from broker.tlog.tiles import TILE_WIDTH
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS, ORIGIN, HeldKeys

STARTED = Record(Event.PROCESS_STARTED, {"kind": "serve"})


def append(database: Database, count: int = 1) -> list[Receipt]:
    """The receipts of so many records of one transaction."""
    committed = database.commit(Reserve.NONE, lambda t: t.append([STARTED] * count))
    return [committed.receipt(seq) for seq in committed.result]


def heads(path: Path) -> list[tuple[int, bytes, str]]:
    with closing(sqlite3.connect(path)) as store:
        return store.execute("SELECT size, frontier, checkpoint FROM head").fetchall()


def head_of(receipt: Receipt) -> TreeHead:
    """What the receipt's checkpoint says, once its signature is verified."""
    checkpoint = parsed_checkpoint(receipt.checkpoint)
    assert checkpoint.verify(LOG_KEYS.verifiers()) == LOG_KEYS.verifiers()
    return checkpoint.head


def hashes(database: Database) -> list[bytes]:
    """Of all leaves, from their bytes."""
    return [leaf_hash(leaf.content) for leaf in StoredLog(database).leaves(0, 10**6)]


def root(leaves: list[bytes]) -> bytes:
    """From the leaves alone."""
    return Frontier().extended(leaves).root()


@pytest.mark.parametrize("sizes", [(1,), (1, 1, 1), (5, 3), (7, 1, 8, 2)])
def test_each_receipt_proves_its_record_in_the_head_of_its_transaction(
    database: Database, sizes: tuple[int, ...]
) -> None:
    receipts = [receipt for size in sizes for receipt in append(database, size)]
    leaves = hashes(database)
    assert [receipt.index for receipt in receipts] == list(range(sum(sizes)))
    for receipt in receipts:
        head = head_of(receipt)
        assert head.origin == ORIGIN
        assert receipt.leaf_hash == leaves[receipt.index]
        assert head.root == root(leaves[: head.size])
        assert included(receipt.index, head.size, receipt.leaf_hash, receipt.path, head.root)


def test_every_head_begins_with_those_before(database: Database) -> None:
    released = [head_of(append(database, count)[-1]) for count in (1, 2, 1, 4, 1)]
    leaves = hashes(database)

    def node(level: int, index: int) -> bytes:
        return root(leaves[index << level : (index + 1) << level])

    for old, new in pairwise(released):
        path = consistency_path(old.size, new.size, node)
        assert consistent(old.size, old.root, new.size, new.root, path)


def test_the_head_in_the_store_is_the_newest(database: Database, path: Path) -> None:
    assert [head[0] for head in heads(path)] == [0]
    *_, last = append(database, 3)
    assert [(size, checkpoint) for size, _, checkpoint in heads(path)] == [(3, last.checkpoint)]


def test_what_is_undone_is_no_leaf(database: Database, path: Path) -> None:
    def undone(transaction: Transaction) -> None:
        transaction.append([STARTED])
        raise ValueError("as the test says")

    with pytest.raises(ValueError, match="as the test says"):
        database.write(Reserve.NONE, undone)
    assert heads(path)[0][0] == 0
    (receipt,) = append(database)
    assert (receipt.index, head_of(receipt).size) == (0, 1)


def test_writers_who_share_a_transaction_have_receipts_of_their_own(database: Database) -> None:
    receipts: list[Receipt] = []
    writers = [Thread(target=lambda: receipts.extend(append(database, 3))) for _ in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(receipt.index for receipt in receipts) == list(range(48))
    for receipt in receipts:
        head = head_of(receipt)
        assert included(receipt.index, head.size, receipt.leaf_hash, receipt.path, head.root)


def test_a_write_without_records_leaves_the_head_alone(database: Database, path: Path) -> None:
    append(database)
    before = heads(path)
    committed = database.commit(Reserve.NONE, lambda _: "done")
    assert committed.result == "done"
    assert heads(path) == before
    with pytest.raises(IndexError):
        committed.receipt(0)


def test_a_receipt_is_of_ones_own_transaction_only(database: Database) -> None:
    append(database)
    committed = database.commit(Reserve.NONE, lambda t: t.append([STARTED]))
    with pytest.raises(IndexError):
        committed.receipt(0)


def test_whole_tiles_are_kept_and_those_above_grow_with_them(database: Database, path: Path) -> None:
    for count in (TILE_WIDTH - 1, 1, TILE_WIDTH + 1, TILE_WIDTH):
        append(database, count)
    leaves = hashes(database)
    with closing(sqlite3.connect(path)) as store:
        tiles = store.execute("SELECT level, idx, hashes FROM tile ORDER BY level, idx").fetchall()
    whole = [leaves[at : at + TILE_WIDTH] for at in range(0, 3 * TILE_WIDTH, TILE_WIDTH)]
    assert [(level, index) for level, index, _ in tiles] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert [kept for _, _, kept in tiles[:3]] == [b"".join(tile) for tile in whole]
    assert tiles[3][2] == b"".join(root(tile) for tile in whole)
    assert len(tiles[3][2]) == 3 * HASH_BYTES


def test_a_record_that_is_kept_otherwise_than_it_was_given_is_never_signed(
    database: Database, path: Path
) -> None:
    append(database)
    before = heads(path)
    flips = "UPDATE record SET leaf = CAST(replace(leaf, 'serve', 'swerve') AS BLOB) WHERE seq = new.seq"
    with closing(sqlite3.connect(path)) as store:
        store.execute(f"CREATE TRIGGER flips AFTER INSERT ON record BEGIN {flips}; END")
    with pytest.raises(LogUnavailable, match="gave back record 1 otherwise"):
        append(database)
    assert heads(path) == before
    assert len(hashes(database)) == 1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE head SET frontier = x'00'", "head of the log is damaged"),
        ("DELETE FROM head", "head of the log is damaged"),
        ("UPDATE head SET size = 3, frontier = zeroblob(64)", "went back from 4 records to 3"),
    ],
)
def test_nothing_is_appended_to_a_head_that_makes_no_sense(
    database: Database, path: Path, damage: str, said: str
) -> None:
    append(database, 4)
    with closing(sqlite3.connect(path)) as store:
        store.execute(damage)
        store.commit()
    with pytest.raises(LogUnavailable, match=said):
        append(database)


class Lost:
    """Keys that are gone."""

    def verifiers(self) -> tuple[VerifierKey, ...]:
        raise SecretUnavailable("there is no key of the log")

    def sign(self, head: TreeHead, key_ids: Collection[str]) -> str:
        raise LogUnavailable(f"none of {key_ids} signs {head.size}")

    def public(self, key_ids: Collection[str]) -> tuple[VerifierKey, ...]:
        return ()


def test_without_a_key_nothing_is_recorded_and_no_log_is_made(
    database: Database, path: Path, tmp_path: Path, clock: HandClock
) -> None:
    append(database)
    keyless = Database.open(path, clock, Lost())
    with pytest.raises(LogUnavailable, match="none of"):
        append(keyless)
    keyless.close()
    assert len(hashes(database)) == 1
    with pytest.raises(SecretUnavailable):
        Database.open(tmp_path / "new.db", clock, Lost())
    Database.open(tmp_path / "new.db", clock, LOG_KEYS).close()


def test_a_log_signs_with_the_keys_it_knows_only(database: Database, path: Path, clock: HandClock) -> None:
    append(database)
    more = HeldKeys((*LOG_KEYS.keys, type(LOG_KEYS.keys[0]).generated(ORIGIN)))
    other = Database.open(path, clock, more)
    (receipt,) = append(other)
    other.close()
    assert len(parsed_checkpoint(receipt.checkpoint).note.signatures) == 1
