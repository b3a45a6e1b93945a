"""The records of an export and what is made of each: one pass, in flat memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from broker.audit.export.entry import Entry, Part, damaged
from broker.audit.export.folder import NewFolder
from broker.audit.export.lines import RecordLines
from broker.audit.export.manifest import Extent
from broker.audit.export.proved import ProofFiles, ProofLines, Prover
from broker.audit.export.selection import Extra, Selection
from broker.audit.export.table import Table
from broker.audit.export.tiled import TileFiles
from broker.errors import LogUnavailable
from broker.store.log import Leaf
from broker.tlog.checkpoint import Checkpoint, TreeHead
from broker.tlog.merkle import NodeReader, leaf_hash

Onlooker = Callable[[int], None]
"""Told the index of each record that was taken."""

_NODES_KEPT = 4096


class Filling:
    """Writes the records of a selection into a folder, and proves them in the checkpoint's tree."""

    def __init__(
        self, folder: NewFolder, checkpoint: Checkpoint, node: NodeReader, onlooker: Onlooker
    ) -> None:
        self._folder = folder
        self._head = checkpoint.head
        self._prover = Prover(checkpoint, lru_cache(_NODES_KEPT)(node))
        self._onlooker = onlooker

    def fill(self, selection: Selection, extras: frozenset[Extra]) -> Extent:
        """Write all of it. Raises FileRefused, and LogUnavailable for what is not in the tree."""
        entries = _entries(selection.leaves(self._head.size))
        parts: list[Part] = [RecordLines(self._folder), *self._extra(extras)]
        if selection.whole:
            return self._whole(entries, parts)
        return self._pour(entries, [*parts, ProofLines(self._folder, self._prover)])

    def _extra(self, extras: frozenset[Extra]) -> Iterator[Part]:
        if Extra.PROOF_FILES in extras:
            yield ProofFiles(self._folder, self._prover)
        if Extra.TABLE in extras:
            yield Table(self._folder)

    def _whole(self, entries: Iterable[Entry], parts: Sequence[Part]) -> Extent:
        tiles = TileFiles(self._folder)
        extent = self._pour(_without_gap(entries, self._head), [*parts, tiles])
        if tiles.root() != self._head.root:
            raise LogUnavailable(
                "the records do not give the root that the log has signed; run: broker audit verify"
            )
        return extent

    def _pour(self, entries: Iterable[Entry], parts: Sequence[Part]) -> Extent:
        count, first, last = 0, None, None
        for entry in entries:
            for part in parts:
                part.add(entry)
            count, first, last = count + 1, entry.index if first is None else first, entry.index
            self._onlooker(entry.index)
        for part in parts:
            part.finish()
        return Extent(count, first, last)


def _entries(leaves: Iterable[Leaf]) -> Iterator[Entry]:
    return (Entry(leaf.seq, leaf.content, leaf_hash(leaf.content)) for leaf in leaves)


def _without_gap(entries: Iterable[Entry], head: TreeHead) -> Iterator[Entry]:
    """The same entries. Raises LogUnavailable where one is not the next, or there are too few."""
    expected = 0
    for entry in entries:
        if entry.index != expected:
            break
        yield entry
        expected += 1
    if expected != head.size:
        raise damaged(expected, "is missing")
