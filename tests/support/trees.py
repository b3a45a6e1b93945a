"""Whole trees in memory, for what reads nodes."""

from collections.abc import Sequence
from functools import cache

from broker.tlog.merkle import NodeReader, leaf_hash, node_hash


def reader_of(contents: Sequence[bytes]) -> NodeReader:
    """Every perfect subtree over these leaves, hashed once."""

    @cache
    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaf_hash(contents[index])
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def numbered(size: int) -> list[bytes]:
    """The leaves "0", "1", ..."""
    return [str(index).encode() for index in range(size)]
