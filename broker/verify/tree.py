"""The tree that the records give, made anew: no hash that is kept anywhere goes into it."""

from collections.abc import Callable, Sequence

from broker.tlog.merkle import EMPTY_ROOT, HASH_BYTES, pair_hash, root_of
from broker.tlog.tiles import TILE_WIDTH, tile_root

_TILE_LEVEL = 8
_TILE_BYTES = TILE_WIDTH * HASH_BYTES

TileHashes = Callable[[int], bytes]
"""Hashes the records of a tile of level 0 once more."""


class TreeChanged(Exception):
    """The records are no longer those that were read before."""


class RebuiltTree:
    """Grown by whole tiles, then by what is left over. Keeps one hash for 256 records, twice."""

    def __init__(self, tile: TileHashes) -> None:
        self._tile = tile
        self._levels: list[bytearray] = []
        self._rest = b""

    @property
    def size(self) -> int:
        """How many records it is over."""
        return self._whole() * TILE_WIDTH + len(self._rest) // HASH_BYTES

    def grow(self, roots: Sequence[bytes], rest: bytes) -> None:
        """Add whole tiles by their roots; after them, at the end of all, the hashes of what is left over."""
        for root in roots:
            self._add(0, root)
        self._rest = rest

    def root_at(self, size: int) -> bytes:
        """The root over the first `size` records. Raises TreeChanged; IndexError where there are fewer."""
        if not 0 <= size <= self.size:
            raise IndexError(f"a tree of {self.size} records has no beginning of {size}")
        return root_of(size, self._node) if size else EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """The hash of one record. Raises TreeChanged; IndexError where there is none."""
        if not 0 <= index < self.size:
            raise IndexError(f"a tree of {self.size} records has no record {index}")
        return self._node(0, index)

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of one tile of level 1 or higher, as many as there are."""
        row = level * _TILE_LEVEL - _TILE_LEVEL
        if row >= len(self._levels):
            return b""
        return bytes(self._levels[row][index * _TILE_BYTES : (index + 1) * _TILE_BYTES])

    def tiles(self) -> int:
        """How many tiles a store keeps of it: on level 0 those that are full."""
        above = sum(-(-len(row) // _TILE_BYTES) for row in self._levels[::_TILE_LEVEL])
        return self._whole() + above

    def frontier(self) -> bytes:
        """The hashes of its perfect subtrees side by side, the largest first. Raises TreeChanged."""
        found, start = b"", 0
        for level in reversed(range(self.size.bit_length())):
            if self.size >> level & 1:
                found += self._node(level, start >> level)
                start += 1 << level
        return found

    def _whole(self) -> int:
        return len(self._levels[0]) // HASH_BYTES if self._levels else 0

    def _node(self, level: int, index: int) -> bytes:
        if level >= _TILE_LEVEL:
            return self._at(level - _TILE_LEVEL, index)
        first = index << level
        hashes = self._leaves(first // TILE_WIDTH)
        start = first % TILE_WIDTH * HASH_BYTES
        return tile_root(hashes[start : start + (HASH_BYTES << level)])

    def _leaves(self, tile: int) -> bytes:
        if tile == self._whole():
            return self._rest
        hashes = self._tile(tile)
        if len(hashes) != _TILE_BYTES or tile_root(hashes) != self._at(0, tile):
            raise TreeChanged
        return hashes

    def _at(self, above: int, index: int) -> bytes:
        return bytes(self._levels[above][index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def _add(self, above: int, node: bytes) -> None:
        if above == len(self._levels):
            self._levels.append(bytearray())
        row = self._levels[above]
        row += node
        if len(row) // HASH_BYTES % 2 == 0:
            self._add(above + 1, pair_hash(bytes(row[-2 * HASH_BYTES :])))
