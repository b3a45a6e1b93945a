"""The Merkle tree of RFC 6962: known answers, another implementation, and every single bit."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    Grown,
    consistency_path,
    consistent,
    included,
    inclusion_path,
    leaf_hash,
    root_of,
)
from tests.support.outsider import OutsidersTree, outsiders_proofs, outsiders_trees
from tests.support.trees import numbered, reader_of

LARGEST = 300
STANDARD_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""Those that the tests of Certificate Transparency share."""
STANDARD_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
A_B = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
C_D = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
E = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E_F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
G_H = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
E_TO_H = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
A_TO_D = STANDARD_ROOTS[4]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    leaves = STANDARD_LEAVES[:size]
    expected = bytes.fromhex(STANDARD_ROOTS[size])
    assert Frontier().extended([leaf_hash(leaf) for leaf in leaves]).root() == expected
    assert root_of(size, reader_of(leaves)) == expected


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [A_B, C_D, E_TO_H]),
        (5, 8, [E, G_H, A_TO_D]),
        (2, 3, [STANDARD_ROOTS[2]]),
        (1, 5, [STANDARD_ROOTS[1], C_D, E]),
    ],
)
def test_the_inclusion_paths_are_those_of_certificate_transparency(
    index: int, size: int, path: list[str]
) -> None:
    assert inclusion_path(index, size, reader_of(STANDARD_LEAVES)) == tuple(map(bytes.fromhex, path))


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (1, 1, []),
        (1, 8, [A_B, C_D, E_TO_H]),
        (6, 8, [E_F, G_H, A_TO_D]),
        (2, 5, [C_D, E]),
    ],
)
def test_the_consistency_paths_are_those_of_certificate_transparency(
    old: int, new: int, path: list[str]
) -> None:
    assert consistency_path(old, new, reader_of(STANDARD_LEAVES)) == tuple(map(bytes.fromhex, path))


def test_all_trees_up_to_300_leaves_are_those_of_another_implementation() -> None:
    leaves = numbered(LARGEST)
    node = reader_of(leaves)
    frontier = Frontier()
    sizes = 0
    for theirs in outsiders_trees(LARGEST):
        sizes += 1
        frontier = frontier.extended([node(0, theirs.size - 1)])
        assert (frontier.size, frontier.root()) == (theirs.size, theirs.root)
        size = theirs.size
        assert tuple(inclusion_path(index, size, node) for index in range(size)) == theirs.inclusion
        assert tuple(consistency_path(old, size, node) for old in range(1, size)) == theirs.consistency
        assert_accepted(theirs, [leaf_hash(leaf) for leaf in leaves])
    assert sizes == LARGEST


@pytest.mark.parametrize("size", [4096, 65_537, 99_991])
def test_large_trees_are_those_of_another_implementation(size: int) -> None:
    indexes = [1, size // 2, size - 1, *(Random(size).randrange(1, size) for _ in range(50))]
    theirs = outsiders_proofs(size, indexes)
    node = reader_of(numbered(size))
    assert root_of(size, node) == theirs.root
    assert tuple(inclusion_path(index, size, node) for index in indexes) == theirs.inclusion
    assert tuple(consistency_path(old, size, node) for old in indexes) == theirs.consistency


def assert_accepted(theirs: OutsidersTree, leaves: list[bytes]) -> None:
    """Their proofs stand for what they prove and not for the next leaf, or the next older tree."""
    for index, path in enumerate(theirs.inclusion):
        assert included(index, theirs.size, leaves[index], path, theirs.root)
        assert not included(index + 1, theirs.size, leaves[index], path, theirs.root)
    older = Frontier()
    for old, path in enumerate(theirs.consistency, start=1):
        older = older.extended([leaves[old - 1]])
        assert consistent(old, older.root(), theirs.size, theirs.root, path)
        assert not consistent(old - 1, older.root(), theirs.size, theirs.root, path)


@given(st.integers(0, 70), st.integers(1, 70))
@settings(max_examples=200, deadline=None)
def test_leaves_just_appended_are_proved_out_of_what_was_known_before(size: int, more: int) -> None:
    node = reader_of(numbered(size + more))
    leaves = [node(0, index) for index in range(size + more)]
    grown = Grown(Frontier().extended(leaves[:size]), leaves[size:])
    for index in range(size, size + more):
        assert grown.path(index) == inclusion_path(index, size + more, node)
    for outside in (size - 1, size + more):
        with pytest.raises(IndexError):
            grown.path(outside)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_one_bit_wrong_anywhere_refuses_an_inclusion(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    node = reader_of(numbered(size))
    leaf, path, root = node(0, index), inclusion_path(index, size, node), root_of(size, node)
    assert included(index, size, leaf, path, root)
    wrong_leaf, *wrong_path, wrong_root = flipped(data, [leaf, *path, root])
    assert not included(index, size, wrong_leaf, wrong_path, wrong_root)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_one_bit_wrong_anywhere_refuses_a_consistency(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, LARGEST))
    old = data.draw(st.integers(1, new))
    node = reader_of(numbered(new))
    proof = [root_of(old, node), root_of(new, node), *consistency_path(old, new, node)]
    assert consistent(old, proof[0], new, proof[1], proof[2:])
    old_root, new_root, *path = flipped(data, proof)
    assert not consistent(old, old_root, new, new_root, path)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_path_with_a_step_more_or_less_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    node = reader_of(numbered(size))
    root, old_root = root_of(size, node), root_of(old, node)
    for path in resized(data, inclusion_path(index, size, node)):
        assert not included(index, size, node(0, index), path, root)
    for path in resized(data, consistency_path(old, size, node)):
        assert not consistent(old, old_root, size, root, path)


def test_hashes_of_another_length_are_refused_though_the_bytes_hashed_are_the_same() -> None:
    node = reader_of(numbered(3))
    leaf, (beside, last) = node(0, 0), inclusion_path(0, 3, node)
    moved = (leaf + beside)[:31], (leaf + beside)[31:]
    assert included(0, 3, leaf, (beside, last), root_of(3, node))
    assert not included(0, 3, moved[0], (moved[1], last), root_of(3, node))


def test_an_empty_tree_begins_every_tree_and_has_no_leaf() -> None:
    node = reader_of(numbered(3))
    root = root_of(3, node)
    assert consistent(0, EMPTY_ROOT, 3, root, consistency_path(0, 3, node))
    assert not consistent(0, root, 3, root, ())
    assert not consistent(0, EMPTY_ROOT, 3, root, (root,))
    assert not included(0, 0, root, (), root)


def test_a_tree_that_shrank_is_consistent_with_nothing() -> None:
    node = reader_of(numbered(3))
    assert not consistent(3, root_of(3, node), 2, root_of(2, node), ())
    with pytest.raises(IndexError):
        consistency_path(3, 2, node)
    with pytest.raises(IndexError):
        inclusion_path(3, 3, node)


def flipped(data: st.DataObject, hashes: list[bytes]) -> list[bytes]:
    """The same with one bit of one of them the other way."""
    which = data.draw(st.integers(0, len(hashes) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = int.from_bytes(hashes[which]) ^ (1 << bit)
    return [*hashes[:which], changed.to_bytes(32), *hashes[which + 1 :]]


def resized(data: st.DataObject, path: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """The same path with one step left out, and with one put in."""
    at = data.draw(st.integers(0, len(path)))
    more = data.draw(st.sampled_from([*path, EMPTY_ROOT]))
    longer = [(*path[:at], more, *path[at:])]
    return [*longer, (*path[:at], *path[at + 1 :])] if at < len(path) else longer
