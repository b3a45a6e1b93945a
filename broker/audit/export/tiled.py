"""The tree and the records as tiles (C2SP tlog-tiles), made anew from the records."""

from broker.audit.export.entry import Entry
from broker.audit.export.folder import NewFolder
from broker.tlog.merkle import HASH_BYTES, root_of
from broker.tlog.tiles import TILE_WIDTH, Bundle, Tile, bundled, nodes_of, tile_root


class TileFiles:
    """`tile/...` and `tile/entries/...` of a tree whose leaves come in order, from the first on.

    Holds at most one tile a level, and one bundle.
    """

    def __init__(self, folder: NewFolder) -> None:
        self._folder = folder
        self._size = 0
        self._entries: list[bytes] = []
        self._levels: list[_Level] = []

    def add(self, entry: Entry) -> None:
        """Let the tree grow by the record."""
        self._entries.append(entry.content)
        self._size += 1
        if len(self._entries) == TILE_WIDTH:
            self._bundle()
        self._grow(0, entry.hash)

    def finish(self) -> None:
        """Write what is not full."""
        if self._entries:
            self._bundle()
        for level, row in enumerate(self._levels):
            if row.hashes:
                self._tile(level)

    def root(self) -> bytes:
        """The root over all that was added."""
        return root_of(self._size, nodes_of(lambda level, _: bytes(self._levels[level].hashes)))

    def _grow(self, level: int, added: bytes) -> None:
        if level == len(self._levels):
            self._levels.append(_Level())
        row = self._levels[level]
        row.hashes += added
        if len(row.hashes) == TILE_WIDTH * HASH_BYTES:
            self._tile(level)
            root = tile_root(bytes(row.hashes))
            row.hashes.clear()
            row.index += 1
            self._grow(level + 1, root)

    def _tile(self, level: int) -> None:
        row = self._levels[level]
        tile = Tile(level, row.index, len(row.hashes) // HASH_BYTES)
        self._folder.put(tile.path, bytes(row.hashes))

    def _bundle(self) -> None:
        bundle = Bundle((self._size - 1) // TILE_WIDTH, len(self._entries))
        self._folder.put(bundle.path, bundled(self._entries))
        self._entries.clear()


class _Level:
    """The last tile of a level, not full yet."""

    def __init__(self) -> None:
        self.index = 0
        self.hashes = bytearray()
