"""All records of a log, read once from the first to the last."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache

from broker.tlog.tiles import TILE_WIDTH
from broker.verify.attempts import Pairing
from broker.verify.findings import Findings
from broker.verify.firsts import Firsts
from broker.verify.history import Mark
from broker.verify.piece import Examined, hash_of
from broker.verify.sources import Source
from broker.verify.tree import RebuiltTree

Onlooker = Callable[[int], None]
"""Told how many records were examined so far."""

_TILES_KEPT = 64


class Walk:
    """What the records tell, one piece after the other."""

    def __init__(self, source: Source, findings: Findings) -> None:
        @lru_cache(_TILES_KEPT)
        def tile(index: int) -> bytes:
            first, end = index * TILE_WIDTH, (index + 1) * TILE_WIDTH
            leaves = source.leaves(first, end)
            return b"".join(hash_of(leaves.get(position)) for position in range(first, end))

        self.tree = RebuiltTree(tile)
        self.pairing = Pairing()
        self.firsts = Firsts()
        self.told: Counter[str] = Counter()
        self.doubtful: set[str] = set()
        self.marks: list[Mark] = []
        self.begun = 0
        self.outcomes = 0
        self._until = 0
        self._findings = findings

    def go(self, examined: Iterator[Examined], onlooker: Onlooker) -> None:
        """Take in what became of every piece, in order. Raises Unreadable."""
        for one in examined:
            self._take(one)
            onlooker(self.tree.size)
        self.pairing.judge(self._findings, self._until)

    def _take(self, one: Examined) -> None:
        self.tree.grow(one.roots, one.rest)
        self.pairing.merge(one.pairing)
        self.firsts.merge(one.firsts)
        self.told.update(one.told)
        self.doubtful |= one.doubtful
        self.marks += one.marks
        self.begun += one.begun
        self.outcomes += one.outcomes
        self._until = max(self._until, one.until)
        self._findings.merge(one.findings)
