"""One piece of a log, examined: all that needs no other piece. Runs in a process of its own where it pays."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.store.columns import NAMES, values_of
from broker.tlog.merkle import HASH_BYTES, leaf_hash
from broker.tlog.tiles import TILE_WIDTH, tile_root
from broker.verify.attempts import INTENT, OF_ATTEMPTS, OUTCOMES, Pairing, Step, step_of
from broker.verify.findings import Findings, Kind
from broker.verify.firsts import Firsts
from broker.verify.grammar import NoRecord, judged, parsed
from broker.verify.history import MARKS, Mark
from broker.verify.sources import Piece, Row
from broker.verify.states import REFUSAL

_TILE_BYTES = TILE_WIDTH * HASH_BYTES
_NO_HASH = bytes(HASH_BYTES)
_CLAIMED = ("seq", "hash", *NAMES)
_AT = NAMES.index("at")


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of a piece."""

    count: int
    roots: list[bytes]
    """Over each of its whole tiles."""
    rest: bytes
    """The hashes of what comes after these."""
    findings: Findings
    told: Counter[str]
    """What is to be told and not wrong, and of how many records."""
    pairing: Pairing
    firsts: Firsts
    doubtful: set[str]
    """Issuances whose state beside the log may be wrong."""
    begun: int
    outcomes: int
    marks: list[Mark]
    until: int
    """When its last record was made, in milliseconds since 1970."""


def hash_of(leaf: object) -> bytes:
    """The hash of a record's bytes; of what are none, one that no bytes have."""
    return leaf_hash(leaf) if type(leaf) is bytes else _NO_HASH


def examine(piece: Piece) -> Examined:
    """Examine it. Raises Unreadable."""
    return _Examination(piece).run()


class _Examination:
    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self._hashes = bytearray()
        self._next = piece.first
        self._findings = Findings()
        self._told: Counter[str] = Counter()
        self._pairing = Pairing()
        self._firsts = Firsts()
        self._doubtful: set[str] = set()
        self._begun = 0
        self._outcomes = 0
        self._marks: list[Mark] = []
        self._until = 0

    def run(self) -> Examined:
        for row in self._piece.rows():
            self._row(row)
        self._missing_until(self._piece.end)
        hashes = bytes(self._hashes)
        whole = len(hashes) - len(hashes) % _TILE_BYTES
        self._hold_against_tiles(hashes)
        self._piece.look_around(self._findings)
        return Examined(
            count=self._next - self._piece.first,
            roots=[tile_root(hashes[at : at + _TILE_BYTES]) for at in range(0, whole, _TILE_BYTES)],
            rest=hashes[whole:],
            findings=self._findings,
            told=self._told,
            pairing=self._pairing,
            firsts=self._firsts,
            doubtful=self._doubtful.union(self._piece.doubtful()),
            begun=self._begun,
            outcomes=self._outcomes,
            marks=self._marks,
            until=self._until,
        )

    def _row(self, row: Row) -> None:
        if len(row) > 1 and row[0] != self._next and not self._placed(row[0]):
            return
        index, leaf, values = self._next, row[-1], ()
        found = hash_of(leaf)
        try:
            content = parsed(leaf)
            values = values_of(content)
            self._take(index, content, values[_AT])
        except NoRecord as no:
            self._findings.add(Kind.CONTENT, str(no), index)
        except (KeyError, TypeError, ValueError):
            self._findings.add(Kind.CONTENT, "has fields that no broker writes", index)
        if len(row) > 1 and row != (index, found, *values, leaf):
            self._compare(row, (index, found, *values))
        self._hashes += found
        self._next = index + 1

    def _take(self, index: int, content: Mapping[str, Any], at: int) -> None:
        code, fields = content["code"], content["fields"]
        wrong, unknown = judged(content["v"], code, content["event"], tuple(fields))
        if wrong:
            self._findings.add(Kind.CONTENT, wrong, index)
        if unknown:
            self._told[unknown] += 1
        if at > self._until:  # noqa: PLR1730 - max() costs a call for each of a million records
            self._until = at
        if code in OF_ATTEMPTS:
            self._step(step_of(index, code, fields), fields)
        elif code == REFUSAL:
            self._begun += 1
        elif code in MARKS:
            self._marks.append(Mark(index, code, fields))

    def _step(self, step: Step, fields: Mapping[str, Any]) -> None:
        self._pairing.take(step)
        if step.code == INTENT:
            self._firsts.take(step.at, fields)
        if step.code in OUTCOMES:
            self._outcomes += 1
        elif step.code == INTENT and step.key[1] == 1:
            self._begun += 1
        else:
            self._doubtful.add(step.key[0])

    def _placed(self, seq: object) -> bool:
        """Whether the row goes on where the last one ended, or leaves out some."""
        if type(seq) is not int or seq < self._next:
            self._findings.add(Kind.RECORD, "stands in the log twice", seq if type(seq) is int else None)
            return False
        self._missing_until(min(seq, self._piece.end))
        return seq < self._piece.end

    def _missing_until(self, end: int) -> None:
        for index in range(self._next, end):
            self._findings.add(Kind.RECORD, "is missing", index)
            self._hashes += hash_of(None)
        self._next = max(self._next, end)

    def _compare(self, row: Row, expected: Row) -> None:
        """Say in what it differs. Of what is no record only the hash was expected."""
        for name, kept, told in zip(_CLAIMED, row, expected, strict=False):
            if kept == told:
                continue
            if name == "hash":
                self._findings.add(
                    Kind.RECORD, "was changed: its bytes do not have the hash that is kept", self._next
                )
            else:
                self._findings.add(Kind.COLUMNS, f"is found by another {name} than it tells", self._next)

    def _hold_against_tiles(self, hashes: bytes) -> None:
        for tile, kept in self._piece.tiles().items():
            first = tile * TILE_WIDTH
            start = (first - self._piece.first) * HASH_BYTES
            found = hashes[start : start + _TILE_BYTES]
            if kept != found:
                index = first + _alike(kept, found)
                self._findings.add(Kind.TREE, f"does not have the hash that tile {tile} keeps of it", index)


def _alike(kept: bytes, found: bytes) -> int:
    """How many hashes are the same before the first that is not."""
    steps = range(0, max(len(kept), len(found)), HASH_BYTES)
    return (
        next((at for at in steps if kept[at : at + HASH_BYTES] != found[at : at + HASH_BYTES]), 0)
        // HASH_BYTES
    )
