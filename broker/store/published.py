"""The tree as its readers see it: the signed head, the keys, and the hashes of every tile."""

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import bindparam, select

from broker.store.database import Database
from broker.store.statements import Prepared
from broker.store.tables import head, log_key, record, tile
from broker.tlog.merkle import NodeReader
from broker.tlog.tiles import TILE_WIDTH, nodes_of

_TILES_KEPT = 64
"""More than any two proofs need; 8 KiB each."""

_HEAD = select(head.c.checkpoint)
_KEYS = select(log_key).order_by(log_key.c.from_size, log_key.c.key_id)
_TILE = Prepared(
    select(tile.c.hashes).where(tile.c.level == bindparam("of_level"), tile.c.idx == bindparam("of_index"))
)
_LEAVES = Prepared(
    select(record.c.hash)
    .where(record.c.seq >= bindparam("first"), record.c.seq < bindparam("end"))
    .order_by(record.c.seq)
)


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A public key of the log, and the tree sizes, both included, whose heads it signs; None has no end."""

    key_id: str
    origin: str
    key: str
    from_size: int
    until_size: int | None

    def signs(self, size: int) -> bool:
        """Whether it signs the head of a tree of this size."""
        return self.from_size <= size and (self.until_size is None or size <= self.until_size)


class PublishedTree:
    """What is signed and hashed already: none of it changes any more. Every method raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def checkpoint(self) -> str:
        """The newest signed head."""
        return str(self._database.read(lambda c: c.execute(_HEAD).scalar_one()))

    def public_keys(self) -> tuple[PublishedKey, ...]:
        """All keys that the log ever had, the oldest first."""
        rows = self._database.read(lambda c: c.execute(_KEYS).all())
        return tuple(PublishedKey(r.key_id, r.origin, r.vkey, r.from_size, r.until_size) for r in rows)

    def node_reader(self) -> NodeReader:
        """Nodes of any tree of the log's past, for proofs: each tile is read once, and a few are kept.

        For a head that was read before: what is kept does not grow with the log.
        """
        return nodes_of(lru_cache(_TILES_KEPT)(self.tile))

    def tile(self, level: int, index: int) -> bytes:
        """The hashes that there are of a tile, side by side (the TileReader of broker/tlog/tiles.py)."""
        place = {"of_level": level, "of_index": index}
        found = self._database.read(lambda c: _TILE.run(c, place).fetchone())
        if found is not None or level:
            return bytes(found[0]) if found else b""
        bounds = {"first": index * TILE_WIDTH, "end": (index + 1) * TILE_WIDTH}
        rows = self._database.read(lambda c: _LEAVES.run(c, bounds).fetchall())
        return b"".join(row[0] for row in rows)
