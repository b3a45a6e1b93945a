"""The tree as its readers see it: the signed head, the keys, and the hashes of every tile."""

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select

from broker.store.database import Database
from broker.store.tables import head, log_key
from broker.store.tiles import kept_tile, leaf_hashes
from broker.tlog.merkle import NodeReader
from broker.tlog.tiles import nodes_of

_TILES_KEPT = 64
"""More than any two proofs need; 8 KiB each."""

_HEAD = select(head.c.checkpoint)
_KEYS = select(log_key).order_by(log_key.c.from_size, log_key.c.key_id)


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
        kept = self._database.read(lambda c: kept_tile(c, level, index))
        return kept if kept or level else self._database.read(lambda c: leaf_hashes(c, index))
