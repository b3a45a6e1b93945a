"""Proofs that stand alone (C2SP tlog-proof): one record's place in a log, in a text that needs no server."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from broker.tlog.checkpoint import Checkpoint, TreeHead, parsed_checkpoint
from broker.tlog.encoding import from_base64, to_base64
from broker.tlog.merkle import HASH_BYTES, included
from broker.tlog.note import NoteRefused, VerifierKey

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_EXTRA = "extra "
_MAX_PATH = 64


class ProofRefused(NoteRefused):
    """A text that is no proof, or one that does not prove what is asked of it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A leaf's index, its inclusion path, and the checkpoint of the tree that the path leads to.

    `extra` is whatever came along. Nothing vouches for it.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint
    extra: bytes = b""

    def __str__(self) -> str:
        """The text of a `.tlog-proof` file."""
        extra = [f"{_EXTRA}{to_base64(self.extra)}"] if self.extra else []
        lines = [_HEADER, *extra, f"index {self.index}", *map(to_base64, self.path), ""]
        return "\n".join(lines) + f"\n{self.checkpoint.note}"

    def verify(self, leaf: bytes, keys: Sequence[VerifierKey]) -> TreeHead:
        """The head of the tree that has, at the index, the leaf with this hash.

        Raises ProofRefused where the path does not lead there, NoteRefused as `Checkpoint.verify`.
        """
        self.checkpoint.verify(keys)
        head = self.checkpoint.head
        if not included(self.index, head.size, leaf, self.path, head.root):
            raise ProofRefused(f"not the record at index {self.index} of {head.origin} at size {head.size}")
        return head


def parsed_proof(text: str) -> Proof:
    """Take a proof apart, verifying nothing. Raises ProofRefused, and NoteRefused for its checkpoint."""
    proof, found, checkpoint = text.partition("\n\n")
    header, *lines = proof.split("\n")
    if header != _HEADER or not found or not lines:
        raise ProofRefused(f"not a proof: it starts with {_HEADER} and ends with a checkpoint")
    extra = _extra(lines.pop(0)) if lines[0].startswith(_EXTRA) else b""
    return Proof(*_index_and_path(lines), parsed_checkpoint(checkpoint), extra)


def _extra(line: str) -> bytes:
    extra = from_base64(line.removeprefix(_EXTRA))
    if not extra:
        raise ProofRefused("the proof's extra data is not base64")
    return extra


def _index_and_path(lines: Sequence[str]) -> tuple[int, tuple[bytes, ...]]:
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None:
        raise ProofRefused("a proof without an index")
    path = tuple(from_base64(line) or b"" for line in lines[1:])
    if len(path) > _MAX_PATH or any(len(step) != HASH_BYTES for step in path):
        raise ProofRefused("the proof's path is not one of hashes")
    return int(index[1]), path
