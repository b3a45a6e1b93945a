"""The files of a tiled log (C2SP tlog-tiles), and nodes of a tree out of its tiles.

A tile is 256 hashes side by side: those of level 0 are the leaves' hashes, each of a higher level is the root
over one full tile below. The last tile of a level may have fewer. Entries come in bundles of 256.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from broker.tlog.merkle import HASH_BYTES, level_above

TILE_WIDTH = 256
_HEIGHT = 8
MAX_ENTRY_BYTES = 0xFFFF
_LENGTH_BYTES = 2

TileReader = Callable[[int, int], bytes]
"""Gives the hashes, side by side, that there are of a tile, by level and index."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: `width` hashes of `level`, from the hash `index * 256` on."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it lies under the log's prefix."""
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"

    @property
    def first(self) -> int:
        """The number within the level of its first hash."""
        return self.index * TILE_WIDTH


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle of entries: `width` of them, from the entry `index * 256` on."""

    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it lies under the log's prefix."""
        return f"tile/entries/{_numbered(self.index, self.width)}"

    @property
    def first(self) -> int:
        """The index of its first entry."""
        return self.index * TILE_WIDTH


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of a tree of this size, level by level; none are empty."""
    level = 0
    while hashes := size >> level * _HEIGHT:
        yield from (Tile(level, index, width) for index, width in _rows(hashes))
        level += 1


def bundles_of(size: int) -> Iterator[Bundle]:
    """All bundles of a log of this size."""
    return (Bundle(index, width) for index, width in _rows(size))


def bundled(entries: Iterable[bytes]) -> bytes:
    """A bundle's bytes. Raises ValueError for an entry of 64 KiB or more."""
    found = bytearray()
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes: {MAX_ENTRY_BYTES} is the most")
        found += len(entry).to_bytes(_LENGTH_BYTES) + entry
    return bytes(found)


def unbundled(bundle: bytes) -> Iterator[bytes]:
    """The entries of a bundle, in order. Raises ValueError, when it comes to it, where one is cut short."""
    at = 0
    while at < len(bundle):
        start = at + _LENGTH_BYTES
        end = start + int.from_bytes(bundle[at:start])
        if start > len(bundle) or end > len(bundle):
            raise ValueError(f"the entry at byte {at} of the bundle is cut short")
        yield bundle[start:end]
        at = end


def tile_root(hashes: bytes) -> bytes:
    """The root over a full tile, or over a power of two of hashes side by side."""
    while len(hashes) > HASH_BYTES:
        hashes = level_above(hashes)
    return hashes


def nodes_of(tile: TileReader) -> Callable[[int, int], bytes]:
    """A NodeReader over stored tiles: each node costs one tile and at most 127 hashes.

    The reader that it gives raises IndexError for a node that the tile has no hashes for.
    """

    def node(level: int, index: int) -> bytes:
        below = level % _HEIGHT
        first = index << below
        start = first % TILE_WIDTH * HASH_BYTES
        end = start + (HASH_BYTES << below)
        hashes = tile(level // _HEIGHT, first // TILE_WIDTH)
        if len(hashes) < end:
            raise IndexError(f"no hashes for node {index} of level {level}")
        return tile_root(hashes[start:end])

    return node


def _rows(count: int) -> Iterator[tuple[int, int]]:
    """Index and width of the rows that so many make, 256 to a row."""
    full, rest = divmod(count, TILE_WIDTH)
    yield from ((index, TILE_WIDTH) for index in range(full))
    if rest:
        yield full, rest


def _numbered(index: int, width: int) -> str:
    groups = f"{index:03}"
    groups = groups.zfill(-(-len(groups) // 3) * 3)
    parts = [groups[at : at + 3] for at in range(0, len(groups), 3)]
    number = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return number if width == TILE_WIDTH else f"{number}.p/{width}"
