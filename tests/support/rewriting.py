"""A log rewritten as its own broker could: by somebody who holds the store and the key that signs it."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from broker.store.columns import NAMES, values_of
from broker.tlog.checkpoint import TreeHead
from broker.tlog.merkle import HASH_BYTES, Frontier, leaf_hash
from broker.tlog.tiles import Tile, tiles_of
from tests.support.log_keys import LOG_KEYS, ORIGIN, HeldKeys
from tests.support.trees import reader_of


def leaves_of(path: Path) -> list[bytes]:
    """The records' bytes, in order."""
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT leaf FROM record ORDER BY seq")]
    finally:
        connection.close()


def checkpoint_over(leaves: Sequence[bytes], keys: HeldKeys = LOG_KEYS) -> str:
    """The head of the tree over these, signed with the log's key or others."""
    head = TreeHead(ORIGIN, len(leaves), Frontier().extended([leaf_hash(leaf) for leaf in leaves]).root())
    return keys.sign(head, [key.id for key in keys.verifiers()])


def rewritten(path: Path, leaves: Sequence[bytes], *, signed: bool) -> None:
    """Let the store hold these records, with hashes, columns, tiles and head that fit, signed or not."""
    connection = sqlite3.connect(path, isolation_level=None)
    frontier = Frontier().extended([leaf_hash(leaf) for leaf in leaves])
    rows = [(seq, leaf_hash(leaf), *values_of(json.loads(leaf)), leaf) for seq, leaf in enumerate(leaves)]
    try:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM record")
        marks = ", ".join("?" * (len(NAMES) + 3))
        connection.executemany(
            f"INSERT INTO record (seq, hash, {', '.join(NAMES)}, leaf) VALUES ({marks})", rows
        )
        connection.execute("DELETE FROM tile")
        kept = [
            (tile.level, tile.index, _hashes(tile, leaves)) for tile in tiles_of(len(leaves)) if _kept(tile)
        ]
        connection.executemany("INSERT INTO tile VALUES (?, ?, ?)", kept)
        head = (len(leaves), b"".join(frontier.hashes))
        connection.execute("UPDATE head SET size = ?, frontier = ?", head)
        if signed:
            connection.execute("UPDATE head SET checkpoint = ?", (checkpoint_over(leaves),))
        connection.execute("COMMIT")
    finally:
        connection.close()


def cut(path: Path, records: int) -> None:
    """Cut off so many records, and every trace of them, and sign what is left."""
    leaves = leaves_of(path)[:-records]
    connection = sqlite3.connect(path)
    with connection:
        for table, column in (("terminal", "seq"), ("open_attempt", "intent_seq"), ("issuance", "seq")):
            connection.execute(f"DELETE FROM {table} WHERE {column} >= ?", (len(leaves),))
    connection.close()
    rewritten(path, leaves, signed=True)


def _kept(tile: Tile) -> bool:
    return tile.level > 0 or tile.width == 256


def _hashes(tile: Tile, leaves: Sequence[bytes]) -> bytes:
    node = reader_of(leaves)
    found = b"".join(node(8 * tile.level, tile.first + at) for at in range(tile.width))
    assert len(found) == tile.width * HASH_BYTES
    return found
