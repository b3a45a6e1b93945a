"""The Merkle tree of RFC 6962, section 2.1: roots and proofs, made and checked.

A node is named by (level, index): the perfect subtree over the leaves from `index << level` on,
`1 << level` of them. All hashes are SHA-256, 32 bytes.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

HASH_BYTES = 32
_NODE = hashlib.sha256(b"\x01")
EMPTY_ROOT = hashlib.sha256().digest()
"""The root of a tree without leaves."""

NodeReader = Callable[[int, int], bytes]
"""Gives the hash of a perfect subtree that lies wholly inside the tree, by level and index."""


def leaf_hash(content: bytes) -> bytes:
    """The hash of one leaf's exact bytes."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def pair_hash(pair: bytes) -> bytes:
    """The hash above two others that stand side by side."""
    return hashlib.sha256(b"\x01" + pair).digest()


def level_above(hashes: bytes) -> bytes:
    """The hashes above an even number of hashes, all side by side."""
    above = []
    for at in range(0, len(hashes), 2 * HASH_BYTES):
        node = _NODE.copy()  # takes half of the time that a new one does
        node.update(hashes[at : at + 2 * HASH_BYTES])
        above.append(node.digest())
    return b"".join(above)


@dataclass(frozen=True, slots=True)
class Frontier:
    """What appending needs of a tree: its perfect subtrees, the largest first, one a set bit of `size`."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extended(self, leaves: Sequence[bytes]) -> "Frontier":
        """The frontier after these leaf hashes are appended."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            hashes.append(leaf)
            size += 1
            for _ in range(_trailing_zeros(size)):
                right = hashes.pop()
                hashes[-1] = node_hash(hashes[-1], right)
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def nodes(self) -> Iterator[tuple[int, int, bytes]]:
        """Its subtrees by name: level, index, hash."""
        start = 0
        levels = (level for level in reversed(range(self.size.bit_length())) if self.size >> level & 1)
        for level, subtree in zip(levels, self.hashes, strict=True):
            yield level, start >> level, subtree
            start += 1 << level


class Grown:
    """The newest part of a tree: the frontier before, and the leaf hashes appended to it.

    Enough for the inclusion path of each of those leaves, without reading anything.
    """

    def __init__(self, before: Frontier, leaves: Sequence[bytes]) -> None:
        self._before = before
        self._first = before.size
        self._leaves = tuple(leaves)

    @cached_property
    def _known(self) -> dict[tuple[int, int], bytes]:
        """Nodes by name, more with each path; made for the first, since most growth is asked for none."""
        return {(level, index): subtree for level, index, subtree in self._before.nodes()}

    def path(self, index: int) -> tuple[bytes, ...]:
        """The inclusion path of one of the appended leaves. Raises IndexError for any other."""
        if not self._first <= index < self._first + len(self._leaves):
            raise IndexError(f"leaf {index} is not among those appended")
        return inclusion_path(index, self._first + len(self._leaves), self._node)

    def _node(self, level: int, index: int) -> bytes:
        if (found := self._known.get((level, index))) is not None:
            return found
        if level == 0:
            return self._leaves[index - self._first]
        made = node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
        self._known[(level, index)] = made
        return made


def root_of(size: int, node: NodeReader) -> bytes:
    """The root of the tree over the first `size` leaves."""
    return _range_root(0, size, node) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, node: NodeReader) -> tuple[bytes, ...]:
    """PATH(m, D[n]): the hashes beside the way from leaf `index` up to the root of `size` leaves.

    Raises IndexError where the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"a tree of {size} leaves has no leaf {index}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int, node: NodeReader) -> tuple[bytes, ...]:
    """PROOF(m, D[n]): what shows that the tree of `old` leaves is the beginning of that of `new`.

    Empty for equal sizes and for an empty tree. Raises IndexError where `old` is larger.
    """
    if not 0 <= old <= new:
        raise IndexError(f"a tree of {new} leaves has no beginning of {old}")
    if old in {0, new}:
        return ()
    path, start, end, whole = [], 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(_range_root(start, end, node))
    return tuple(reversed(path))


def root_by_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that this path leads to from the leaf's hash; None where it does not fit such a tree.

    RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or not _hashes(path):
        return None
    at, last, root = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(step, root)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, step)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def included(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path proves that the leaf with this hash stands at `index` of the tree with this root."""
    return root_by_inclusion(index, size, leaf, path) == root


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path proves that the new tree begins with the old one. RFC 9162, section 2.1.4.2."""
    if not 0 <= old <= new or not _hashes((old_root, new_root, *path)):
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    return bool(steps) and _consistent(old - 1, new - 1, steps, old_root, new_root)


def _consistent(at: int, last: int, steps: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    while at & 1:
        at, last = at >> 1, last >> 1
    old_found = new_found = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_found, new_found = node_hash(step, old_found), node_hash(step, new_found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new_found = node_hash(new_found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and old_found == old_root and new_found == new_root


def _hashes(path: Sequence[bytes]) -> bool:
    """Whether each is as long as a hash: two of other lengths could be read as another pair."""
    return all(len(step) == HASH_BYTES for step in path)


def _range_root(start: int, end: int, node: NodeReader) -> bytes:
    """The root over the leaves [start, end); `start` is a multiple of the largest power of two in it."""
    length = end - start
    if length & (length - 1) == 0:
        level = length.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(length)
    return node_hash(_range_root(start, middle, node), _range_root(middle, end, node))


def _split(length: int) -> int:
    """The largest power of two below `length`."""
    return 1 << ((length - 1).bit_length() - 1)


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1
