"""Inclusion proofs of exported records, each checked before it is written."""

import json

from broker.audit.export.entry import Entry, damaged
from broker.audit.export.folder import NewFolder
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.encoding import to_base64
from broker.tlog.merkle import NodeReader, included, inclusion_path
from broker.tlog.proof import Proof

_LINES = "proofs.jsonl"


class Prover:
    """Proofs out of one tree. Raises LogUnavailable where one does not hold."""

    def __init__(self, checkpoint: Checkpoint, node: NodeReader) -> None:
        self._checkpoint = checkpoint
        self._node = node
        self._last: Proof | None = None

    def proof(self, entry: Entry) -> Proof:
        """That the record stands in the tree; made once for all who ask about it in turn."""
        if self._last is None or self._last.index != entry.index:
            self._last = self._made(entry)
        return self._last

    def _made(self, entry: Entry) -> Proof:
        head = self._checkpoint.head
        path = inclusion_path(entry.index, head.size, self._node)
        if not included(entry.index, head.size, entry.hash, path, head.root):
            raise damaged(entry.index, "does not lead to the root of its checkpoint")
        return Proof(entry.index, path, self._checkpoint)


class ProofLines:
    """`proofs.jsonl`: index and path, a line each."""

    def __init__(self, folder: NewFolder, prover: Prover) -> None:
        self._folder = folder
        self._prover = prover
        self._file = folder.grow(_LINES)

    def add(self, entry: Entry) -> None:
        """Write the line of its proof."""
        path = [to_base64(step) for step in self._prover.proof(entry).path]
        line = json.dumps({"index": entry.index, "path": path}, separators=(",", ":"))
        self._file.write(line.encode() + b"\n")

    def finish(self) -> None:
        """End the file."""
        self._folder.finish(_LINES)


class ProofFiles:
    """`proofs/INDEX.tlog-proof`: a file for each record, to be handed on by itself."""

    def __init__(self, folder: NewFolder, prover: Prover) -> None:
        self._folder = folder
        self._prover = prover

    def add(self, entry: Entry) -> None:
        """Write its proof."""
        self._folder.put(f"proofs/{entry.index}.tlog-proof", str(self._prover.proof(entry)).encode())

    def finish(self) -> None:
        """Each file is whole already."""
