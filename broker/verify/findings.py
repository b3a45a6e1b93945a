"""What is wrong with a log: of each kind the first, and how many there are."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a finding is about."""

    RECORD = "record"
    """A record that is missing, stands where it may not, or was changed."""
    CONTENT = "content"
    """A record that no broker writes."""
    COLUMNS = "columns"
    """What a record is found by, told otherwise than the record tells it."""
    PAIRING = "pairing"
    """An attempt without its one intent and its one outcome."""
    TABLES = "tables"
    """State beside the log that contradicts it."""
    TREE = "tree"
    """Hashes, sizes and roots that the records do not give."""
    CHECKPOINT = "checkpoint"
    """A signed head that is not signed, or by the wrong key."""
    KEYS = "keys"
    """Keys and epochs that no record explains."""
    FILES = "files"
    """Files of an export that its manifest does not describe."""
    EARLIER = "earlier"
    """A checkpoint of before that this log does not continue."""
    RECEIPTS = "receipts"
    """A receipt for what this log does not hold."""


_KINDS = list(Kind)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `index` is the record's that it is about, if it is about one."""

    kind: Kind
    what: str
    index: int | None = None

    def __str__(self) -> str:
        """As it is told."""
        return self.what if self.index is None else f"record {self.index} {self.what}"


class Findings:
    """Findings, however many there are, in flat memory."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self._first: dict[Kind, Finding] = {}

    def add(self, kind: Kind, what: str, index: int | None = None) -> None:
        """Take one more. `what` goes on after `record N`, where it is about one."""
        self.counts[kind] += 1
        self._keep(Finding(kind, what, index))

    def merge(self, others: "Findings") -> None:
        """Take those of somebody else."""
        self.counts.update(others.counts)
        for finding in others.firsts():
            self._keep(finding)

    def firsts(self) -> tuple[Finding, ...]:
        """The first of each kind, in the order of the log; what is about no record comes last."""
        return tuple(sorted(self._first.values(), key=_position))

    def _keep(self, finding: Finding) -> None:
        kept = self._first.get(finding.kind)
        if kept is None or _position(finding) < _position(kept):
            self._first[finding.kind] = finding


def _position(finding: Finding) -> tuple[bool, int, int]:
    return finding.index is None, finding.index or 0, _KINDS.index(finding.kind)
