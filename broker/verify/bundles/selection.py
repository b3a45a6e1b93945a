"""An export of some records, checked: each is one of the log, at its index. What was left out is not seen."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

from broker.tlog.checkpoint import Checkpoint
from broker.tlog.encoding import from_base64
from broker.tlog.merkle import included, leaf_hash
from broker.tlog.note import VerifierKey
from broker.tlog.tiles import MAX_ENTRY_BYTES
from broker.verify.bundles.contents import PROOFS, RECORDS, Contents
from broker.verify.bundles.files import judge_files
from broker.verify.bundles.stating import judge_extent, judge_stated
from broker.verify.evidence import Kept
from broker.verify.findings import Findings, Kind
from broker.verify.grammar import NoRecord, judged, parsed
from broker.verify.heads import Trust, judge_keys, read_checkpoint
from broker.verify.sources import Unreadable
from broker.verify.verdict import Verdict
from broker.verify.walk import Onlooker

_LONGEST = MAX_ENTRY_BYTES + 2


class Selection:
    """One verification of one such export. Its keys are judged as those of a whole log are."""

    def __init__(self, contents: Contents, given: Sequence[VerifierKey]) -> None:
        self._contents = contents
        self._findings = Findings()
        self._told: Counter[str] = Counter()
        self._trust = Trust(tuple(given), contents.keys)
        self._hashes: dict[int, bytes] = {}
        self._count = 0
        self._first: int | None = None
        self._last: int | None = None

    def verify(self, proofs: Sequence[Kept], onlooker: Onlooker) -> Verdict:
        """Check all of it; `proofs` are those of its own folder. Raises Unreadable."""
        contents, findings = self._contents, self._findings
        judge_keys(contents.keys, findings)
        head = read_checkpoint(contents.checkpoint, self._trust, findings)
        judge_stated(contents, findings)
        judge_files(contents.folder, contents.manifest.files, (), findings)
        if head is not None:
            self._records(head, onlooker)
            self._proofs(head, proofs)
            judge_extent(contents.manifest, self._count, self._first, self._last, findings)
        return Verdict(
            head=None if head is None else head.head,
            signers=() if head is None else tuple(key.id for key in self._trust.verify(head)),
            independent=self._trust.independent,
            findings=findings.firsts(),
            wrong={kind.value: count for kind, count in findings.counts.items()},
            told=dict(self._told),
            checked={"selected": self._count, "proofs": len(proofs)},
        )

    def _records(self, head: Checkpoint, onlooker: Onlooker) -> None:
        folder = self._contents.folder
        for number, (record, proof) in enumerate(
            zip_longest(_lines(folder / RECORDS), _lines(folder / PROOFS)), 1
        ):
            if record is None or proof is None or not (record.endswith(b"\n") and proof.endswith(b"\n")):
                name = RECORDS if record is None or not record.endswith(b"\n") else PROOFS
                self._findings.add(Kind.RECORD, f"line {number} of {name} is cut off, or is none")
                return
            self._record(number, head, record[:-1], proof)
            onlooker(number)

    def _record(self, number: int, head: Checkpoint, record: bytes, proof: bytes) -> None:
        self._count += 1
        try:
            index, path = _index_and_path(proof)
        except (ValueError, KeyError, TypeError):
            self._findings.add(Kind.RECORD, f"line {number} of {PROOFS} is no proof")
            return
        if self._last is not None and index <= self._last:
            self._findings.add(Kind.RECORD, f"stands in line {number}, after record {self._last}", index)
        self._first, self._last = index if self._first is None else self._first, index
        leaf = leaf_hash(record)
        if not included(index, head.head.size, leaf, path, head.head.root):
            what = f"was changed, moved or is not proved: line {number} does not lead to the checkpoint"
            self._findings.add(Kind.RECORD, what, index)
        self._hashes[index] = leaf
        self._content(index, record)

    def _content(self, index: int, record: bytes) -> None:
        try:
            content = parsed(record)
            found = judged(content["v"], content["code"], content["event"], tuple(content["fields"]))
        except (NoRecord, TypeError) as error:
            self._findings.add(Kind.CONTENT, str(error), index)
            return
        if found.wrong:
            self._findings.add(Kind.CONTENT, found.wrong, index)
        if found.unknown:
            self._told[found.unknown] += 1

    def _proofs(self, head: Checkpoint, proofs: Sequence[Kept]) -> None:
        for kept in proofs:
            receipt, leaf = kept.receipt, self._hashes.get(kept.receipt.index)
            if receipt.checkpoint != str(head.note) or leaf is None:
                self._findings.add(Kind.RECEIPTS, f"{kept.where} is of another checkpoint or record")
            elif not included(receipt.index, head.head.size, leaf, receipt.path, head.head.root):
                self._findings.add(Kind.RECEIPTS, f"{kept.where} does not lead to the checkpoint")


def _index_and_path(proof: bytes) -> tuple[int, tuple[bytes, ...]]:
    told = json.loads(proof)
    path = tuple(from_base64(step) for step in told["path"])
    if type(told["index"]) is not int or told.keys() != {"index", "path"} or None in path:
        raise ValueError("not a proof")
    return told["index"], tuple(step or b"" for step in path)


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as content:
            yield from iter(partial(content.readline, _LONGEST), b"")
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
