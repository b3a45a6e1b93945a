"""The files of a tiled log (C2SP tlog-tiles), and proofs out of its tiles."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.tlog.merkle import consistency_path, inclusion_path, root_of
from broker.tlog.tiles import (
    MAX_ENTRY_BYTES,
    Bundle,
    Tile,
    TileReader,
    bundled,
    bundles_of,
    nodes_of,
    tile_root,
    tiles_of,
    unbundled,
)
from tests.support.trees import numbered, reader_of

SIZES = [1, 255, 256, 257, 300, 65_535, 65_536, 70_000]
LEAVES = numbered(max(SIZES))
NODE = reader_of(LEAVES)


def tiled(size: int, read: list[tuple[int, int]]) -> TileReader:
    """The tiles of a tree of this size, noting which are read."""
    tiles = {
        (tile.level, tile.index): b"".join(
            NODE(8 * tile.level, tile.first + number) for number in range(tile.width)
        )
        for tile in tiles_of(size)
    }

    def tile(level: int, index: int) -> bytes:
        read.append((level, index))
        return tiles[level, index]

    return tile


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 67), "tile/1/067"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(2, 1234067, 8), "tile/2/x001/x234/067.p/8"),
        (Bundle(1234067), "tile/entries/x001/x234/067"),
        (Bundle(273, 112), "tile/entries/273.p/112"),
    ],
)
def test_files_are_named_as_the_specification_says(tile: Tile | Bundle, path: str) -> None:
    assert tile.path == path


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example() -> None:
    tiles = Counter((tile.level, tile.width) for tile in tiles_of(70_000))
    assert tiles == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}


def test_a_tree_of_256_has_a_full_tile_and_one_of_a_single_hash_above() -> None:
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]


def test_an_empty_tree_has_no_files() -> None:
    assert [*tiles_of(0), *bundles_of(0)] == []


@pytest.mark.parametrize("size", SIZES)
def test_bundles_hold_each_entry_once_and_tiles_each_hash_once(size: int) -> None:
    entries = [range(bundle.first, bundle.first + bundle.width) for bundle in bundles_of(size)]
    assert [index for bundle in entries for index in bundle] == list(range(size))
    hashes = [range(tile.first, tile.first + tile.width) for tile in tiles_of(size) if tile.level == 0]
    assert hashes == entries


@given(st.lists(st.binary(max_size=300), max_size=256))
@settings(max_examples=100, deadline=None)
def test_entries_come_back_out_of_their_bundle(entries: list[bytes]) -> None:
    assert list(unbundled(bundled(entries))) == entries


def test_an_entry_has_its_length_before_it() -> None:
    assert bundled([b"ab", b"", b"x" * 258]) == b"\0\2ab\0\0\1\2" + b"x" * 258


def test_an_entry_of_64_kib_fits_into_no_bundle() -> None:
    assert len(bundled([bytes(MAX_ENTRY_BYTES)])) == 2 + MAX_ENTRY_BYTES
    with pytest.raises(ValueError, match="65536"):
        bundled([bytes(MAX_ENTRY_BYTES + 1)])


@pytest.mark.parametrize("bundle", [b"\0", b"\0\2a", b"\0\1a\0", b"\0\1a\xff\xffa"])
def test_a_bundle_that_is_cut_short_is_refused(bundle: bytes) -> None:
    with pytest.raises(ValueError, match="cut short"):
        list(unbundled(bundle))


def test_a_full_tiles_root_is_the_hash_above() -> None:
    assert tile_root(tiled(256, [])(0, 0)) == NODE(8, 0)


@pytest.mark.parametrize("size", SIZES)
def test_proofs_out_of_tiles_are_those_of_the_tree_and_read_few_of_them(size: int) -> None:
    read: list[tuple[int, int]] = []
    node = nodes_of(tiled(size, read))
    assert root_of(size, node) == root_of(size, NODE)
    for index in {0, size // 3, size // 2, size - 1}:
        read.clear()
        assert inclusion_path(index, size, node) == inclusion_path(index, size, NODE)
        assert consistency_path(index, size, node) == consistency_path(index, size, NODE)
        assert len(set(read)) <= 5


def test_a_node_that_its_tile_has_no_hashes_for_is_an_error() -> None:
    node = nodes_of(tiled(300, []))
    assert node(2, 74) == NODE(2, 74)
    with pytest.raises(IndexError, match="node 75 of level 2"):
        node(2, 75)
