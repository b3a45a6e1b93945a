"""Signed heads and receipts, held against the tree that the records give."""

import json
from collections.abc import Mapping

from broker.model.record import Event
from broker.texts import counted
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.merkle import included
from broker.tlog.note import NoteRefused
from broker.verify.evidence import Earlier, Evidence, Kept
from broker.verify.findings import Findings, Kind
from broker.verify.heads import Trust
from broker.verify.sources import Source, Unreadable
from broker.verify.tree import RebuiltTree, TreeChanged


class Witnesses:
    """What others hold of the log, and the log's own signed head. Raises Unreadable."""

    def __init__(
        self,
        source: Source,
        tree: RebuiltTree,
        trust: Trust,
        findings: Findings,
        ended: Mapping[str, int],
    ) -> None:
        self._ended = ended
        self._source = source
        self._tree = tree
        self._trust = trust
        self._findings = findings
        self._roots: dict[int, bytes] = {}

    def hold_head(self, checkpoint: Checkpoint) -> None:
        """The head that the log itself shows."""
        if wrong := self._contradiction(checkpoint):
            self._findings.add(Kind.TREE, f"the signed head {wrong}")

    def hold(self, evidence: Evidence) -> None:
        """All that was kept."""
        for earlier in evidence.earlier:
            self._hold_earlier(earlier)
        for kept in evidence.receipts:
            self._hold_receipt(kept)

    def _hold_earlier(self, earlier: Earlier) -> None:
        try:
            checkpoint = parsed_checkpoint(earlier.note)
            self._trust.verify(checkpoint)
        except NoteRefused as refused:
            self._findings.add(Kind.EARLIER, f"{earlier.where}: {refused}")
            return
        if wrong := self._contradiction(checkpoint):
            self._findings.add(Kind.EARLIER, f"{earlier.where} {wrong}")

    def _hold_receipt(self, kept: Kept) -> None:
        receipt = kept.receipt
        try:
            checkpoint = parsed_checkpoint(receipt.checkpoint)
            self._trust.verify(checkpoint)
        except NoteRefused as refused:
            self._findings.add(Kind.RECEIPTS, f"{kept.where}: {refused}")
            return
        wrong = (
            self._contradiction(checkpoint)
            or self._not_included(kept, checkpoint)
            or self._not_its_record(kept)
        )
        if wrong:
            self._findings.add(Kind.RECEIPTS, f"{kept.where} {wrong}")

    def _contradiction(self, checkpoint: Checkpoint) -> str:
        size, here = checkpoint.head.size, self._tree.size
        if size > (end := self._ended.get(checkpoint.head.origin, size)):
            return f"stands for {counted(size, 'record')} of an epoch that ended with {end}: see record {end}"
        if size > here:
            missing = counted(size - here, "record")
            return f"stands for {counted(size, 'record')}, and here are {here}: {missing} cut off"
        if self._root_at(size) != checkpoint.head.root:
            return f"has another root than the first {counted(size, 'record')} give"
        return ""

    def _not_included(self, kept: Kept, checkpoint: Checkpoint) -> str:
        receipt, head = kept.receipt, checkpoint.head
        if not 0 <= receipt.index < head.size:
            return f"is for record {receipt.index} of a tree of {head.size}"
        found = self._leaf(receipt.index)
        if receipt.leaf_hash not in {b"", found}:
            return f"is for another record {receipt.index} than stands here"
        if not included(receipt.index, head.size, found, receipt.path, head.root):
            return f"has a proof that does not lead from record {receipt.index} to its checkpoint"
        return ""

    def _not_its_record(self, kept: Kept) -> str:
        """Whoever handed it over with a ticket may have taken the proof of another record."""
        index = kept.receipt.index
        if kept.issuance and _issued(self._source.leaves(index, index + 1).get(index)) != kept.issuance:
            return f"came with the ticket of {kept.issuance}, of whose issuing record {index} does not tell"
        return ""

    def _root_at(self, size: int) -> bytes:
        if size not in self._roots:
            try:
                self._roots[size] = self._tree.root_at(size)
            except TreeChanged:
                raise _changed() from None
        return self._roots[size]

    def _leaf(self, index: int) -> bytes:
        try:
            return self._tree.leaf(index)
        except TreeChanged:
            raise _changed() from None


def _issued(content: object) -> object:
    """Which issuance gave a ticket, says this record; None where it says nothing of the kind."""
    try:
        record = json.loads(content) if isinstance(content, bytes) else {}
        return record["fields"]["issuance"] if record["event"] == Event.TICKET_ISSUED.name.lower() else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _changed() -> Unreadable:
    return Unreadable("the records changed while they were read: check a copy")
