"""The tree's tiles as the store keeps them: read, and grown in the transaction that appends records."""

from sqlalchemy import Connection, bindparam, insert, select, update

from broker.errors import LogUnavailable
from broker.store.statements import Prepared
from broker.store.tables import record, tile
from broker.tlog.merkle import HASH_BYTES
from broker.tlog.tiles import TILE_WIDTH, tile_root

_PLACE = (tile.c.level == bindparam("of_level"), tile.c.idx == bindparam("of_index"))
KEPT = Prepared(select(tile.c.hashes).where(*_PLACE))
"""The hashes of one tile, by `of_level` and `of_index`."""
_NEW = Prepared(insert(tile))
_MORE = Prepared(update(tile).where(*_PLACE).values(hashes=bindparam("now_hashes")))
_LEAVES = Prepared(
    select(record.c.hash)
    .where(record.c.seq >= bindparam("first"), record.c.seq < bindparam("end"))
    .order_by(record.c.seq)
)


def kept_tile(connection: Connection, level: int, index: int) -> bytes:
    """The hashes of a tile, side by side; empty where none is kept."""
    found = KEPT.run(connection, {"of_level": level, "of_index": index}).fetchone()
    return bytes(found[0]) if found else b""


def leaf_hashes(connection: Connection, index: int) -> bytes:
    """What tile `index` of level 0 holds, or would as far as there are records."""
    bounds = {"first": index * TILE_WIDTH, "end": (index + 1) * TILE_WIDTH}
    return b"".join(row[0] for row in _LEAVES.run(connection, bounds).fetchall())


def grow_tiles(connection: Connection, before: int, after: int) -> None:
    """Keep what became whole as the log grew between these sizes. Raises LogUnavailable if one is damaged."""
    for index in range(before // TILE_WIDTH, after // TILE_WIDTH):
        whole = leaf_hashes(connection, index)
        _NEW.run(connection, {"level": 0, "idx": index, "hashes": whole})
        _add(connection, 1, index, whole)


def _add(connection: Connection, level: int, position: int, below: bytes) -> None:
    """Put the root of a whole tile into the one above it, at `position` of that level."""
    if len(below) != TILE_WIDTH * HASH_BYTES:
        raise LogUnavailable(f"a tile of level {level - 1} is damaged")
    index, within = divmod(position, TILE_WIDTH)
    so_far = kept_tile(connection, level, index) if within else b""
    if len(so_far) != within * HASH_BYTES:
        raise LogUnavailable(f"tile {index} of level {level} is damaged")
    now = so_far + tile_root(below)
    if within:
        _MORE.run(connection, {"of_level": level, "of_index": index, "now_hashes": now})
    else:
        _NEW.run(connection, {"level": level, "idx": index, "hashes": now})
    if within == TILE_WIDTH - 1:
        _add(connection, level + 1, index, now)
