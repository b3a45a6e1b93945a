"""What is kept beside the records, held against what they give: a head, tiles, the state of issuances."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import count

from broker.verify.attempts import deadline_of
from broker.verify.findings import Findings, Kind
from broker.verify.sources import Source, Tables, Totals
from broker.verify.states import agree
from broker.verify.tree import RebuiltTree
from broker.verify.walk import Walk


def judge_kept(source: Source, walk: Walk, findings: Findings) -> None:
    """All of it. Raises LogUnavailable or Unreadable."""
    kept = source.head.frontier
    if kept is not None and kept != walk.tree.frontier():
        findings.add(Kind.TREE, "the head's hashes are not those of the records")
    _judge_tiles(source, walk.tree, findings)
    totals = source.totals()
    if totals is not None:
        _judge_totals(totals, walk, findings)
        _judge_doubtful(source, walk, findings)


def _judge_tiles(source: Source, tree: RebuiltTree, findings: Findings) -> None:
    """From level 1 on: those of level 0 were held against their records."""
    for level in count(1):
        if not tree.tile(level, 0):
            return
        for index in count():
            if not (found := tree.tile(level, index)):
                break
            kept = source.tile(level, index)
            if kept is not None and kept != found:
                findings.add(Kind.TREE, f"tile {index} of level {level} is not that of the records")


def _judge_totals(totals: Totals, walk: Walk, findings: Findings) -> None:
    for what, kept, told in (
        ("issuances", totals.issuances, walk.begun),
        ("outcomes", totals.ends, walk.outcomes),
    ):
        if kept != told:
            findings.add(Kind.TABLES, f"there are {kept} {what} in the tables, and {told} in the records")
    open_now = {(*key, step.at, deadline_of(step)) for key, step in walk.pairing.open.items()}
    for one in _apart(open_now, totals.open):
        findings.add(Kind.TABLES, f"an attempt is open in tables or records only: {one}")
    for one in _apart(walk.firsts.all(), totals.firsts):
        findings.add(Kind.TABLES, f"an intent is the first of its kind in tables or records only: {one}")


def _judge_doubtful(source: Source, walk: Walk, findings: Findings) -> None:
    for issuance in sorted(walk.doubtful):
        records = source.records_of(issuance)
        if not _agree(records, source.tables_of(issuance)):
            where = f"begun by record {records[0][0]}" if records else "of no record"
            findings.add(Kind.TABLES, f"the tables tell issuance {issuance}, {where}, otherwise")


def _apart(told: AbstractSet[object], kept: Iterable[object]) -> list[object]:
    return sorted(told ^ set(kept), key=str)


def _agree(records: Sequence[tuple[int, bytes]], tables: Tables) -> bool:
    try:
        return agree(records, tables)
    except (KeyError, TypeError, ValueError):  # records that no broker writes, which was found before
        return False
