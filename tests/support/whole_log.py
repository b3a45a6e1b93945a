"""The whole tree of a log, made anew from the bytes of its records alone.

I3  positions have no gap
I4  the head's frontier, the root that it signed, every stored hash and every tile are those of the records
I5  every head that was ever released, and every receipt, is of a tree that this one begins with
I8  the verifier finds nothing wrong
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from broker.model.receipt import Receipt
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.engines.choice import look_at
from broker.tlog.checkpoint import TreeHead, parsed_checkpoint
from broker.tlog.merkle import Frontier, included, leaf_hash
from broker.tlog.note import VerifierKey
from broker.tlog.tiles import TILE_WIDTH
from broker.verify.checking import verify
from broker.verify.crew import one_by_one
from broker.verify.evidence import Evidence
from broker.verify.stored import stored_log
from tests.support.log_keys import LOG_KEYS

OURS = LOG_KEYS.verifiers()
Tiles = dict[tuple[int, int], bytes]


class Kept(NamedTuple):
    """What a store holds of its log, all at one moment."""

    head: tuple[int, bytes, str]
    records: list[tuple[int, bytes, bytes]]
    tiles: Tiles

    @property
    def hashes(self) -> list[bytes]:
        """Of the leaves, from their bytes."""
        return [leaf_hash(leaf) for _, _, leaf in self.records]


def check_tree(database: Database, keys: Sequence[VerifierKey] = OURS) -> int:
    """I3 and I4; how many records there are."""
    kept = database.read(_kept)
    hashes = kept.hashes
    whole = Frontier().extended(hashes)
    assert [seq for seq, _, _ in kept.records] == list(range(len(hashes)))
    assert [found for _, found, _ in kept.records] == hashes, "a stored hash is not of its bytes"
    size, frontier, checkpoint = kept.head
    assert (size, frontier) == (whole.size, b"".join(whole.hashes)), "the head is not of these records"
    assert signed(checkpoint, keys) == (whole.size, whole.root()), "what was signed is not of these records"
    assert kept.tiles == tiles_over(hashes)
    return len(hashes)


def check_verified(place: StoreLocation) -> None:
    """I8: what an outsider runs on the log, who has its key, finds nothing wrong."""
    with stored_log(look_at(place)) as log:
        verdict = verify(log, OURS, Evidence(), one_by_one, lambda _: None)
    assert verdict.findings == (), verdict.findings


def check_released(
    database: Database,
    checkpoints: Iterable[str],
    receipts: Iterable[Receipt] = (),
    keys: Sequence[VerifierKey] = OURS,
) -> None:
    """I5, whoever holds them."""
    hashes = database.read(_kept).hashes
    given = list(receipts)
    heads = {
        signed(checkpoint, keys) for checkpoint in (*checkpoints, *(receipt.checkpoint for receipt in given))
    }
    roots = roots_at({size for size, _ in heads}, hashes)
    for size, root in heads:
        assert size in roots, "a head was released that the log no longer reaches"
        assert root == roots[size], "a head was released that the log denies"
    for receipt in given:
        size, root = signed(receipt.checkpoint, keys)
        assert receipt.leaf_hash == hashes[receipt.index]
        assert included(receipt.index, size, receipt.leaf_hash, receipt.path, root)


def roots_at(sizes: set[int], hashes: list[bytes]) -> dict[int, bytes]:
    """The roots of the trees of these sizes, of those that the leaves suffice for."""
    frontier, roots = Frontier(), {}
    for leaf in (None, *hashes):
        frontier = frontier.extended([leaf] if leaf else [])
        if frontier.size in sizes:
            roots[frontier.size] = frontier.root()
    return roots


def signed(checkpoint: str, keys: Sequence[VerifierKey]) -> tuple[int, bytes]:
    """Size and root that one of the keys signed. Raises NoteRefused where none did."""
    parsed = parsed_checkpoint(checkpoint)
    parsed.verify(keys)
    head: TreeHead = parsed.head
    return head.size, head.root


def tiles_over(hashes: list[bytes]) -> Tiles:
    """Every tile that a log of these leaves keeps: whole ones of level 0, and all that stand on them."""
    tiles: Tiles = {}
    level, row = 0, hashes
    while row:
        whole = len(row) // TILE_WIDTH
        shown = whole if level == 0 else -(-len(row) // TILE_WIDTH)
        for index in range(shown):
            tiles[level, index] = b"".join(row[index * TILE_WIDTH : (index + 1) * TILE_WIDTH])
        parts = (row[at * TILE_WIDTH : (at + 1) * TILE_WIDTH] for at in range(whole))
        level, row = level + 1, [Frontier().extended(part).root() for part in parts]
    return tiles


def checkpoint_of(database: Database) -> str:
    """The newest head, signed."""
    return database.read(_kept).head[2]


def _kept(connection: Connection) -> Kept:
    connection.exec_driver_sql("BEGIN")
    try:
        head = connection.exec_driver_sql("SELECT size, frontier, checkpoint FROM head").one()
        records = connection.exec_driver_sql("SELECT seq, hash, leaf FROM record ORDER BY seq").all()
        tiles = connection.exec_driver_sql("SELECT level, idx, hashes FROM tile").all()
    finally:
        connection.exec_driver_sql("ROLLBACK")
    return Kept(
        (head.size, head.frontier, head.checkpoint),
        [(row.seq, row.hash, row.leaf) for row in records],
        {(row.level, row.idx): row.hashes for row in tiles},
    )
