"""Checkpoints (C2SP tlog-checkpoint): a log's origin, size and root, as a signed note."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from broker.tlog.merkle import HASH_BYTES
from broker.tlog.note import Note, NoteRefused, SignerKey, VerifierKey, parsed_note, signed_note

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it was found: what it says, and its note."""

    head: TreeHead
    note: Note

    def verify(self, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
        """The keys among these that signed it. Raises NoteRefused where none did, or one wrongly."""
        signers = self.note.signed_by(keys)
        if not signers:
            raise NoteRefused(f"the checkpoint of {self.head.origin} is signed by no key that is trusted")
        return signers


def signed_checkpoint(head: TreeHead, keys: Sequence[SignerKey]) -> str:
    """The checkpoint's note."""
    return signed_note(head.text(), keys)


def parsed_checkpoint(note: str) -> Checkpoint:
    """Take a checkpoint apart, verifying no signature. Raises NoteRefused."""
    parsed = parsed_note(note)
    lines = parsed.text.split("\n")
    origin, size, root = (*lines, "", "", "")[:3]
    if not origin or not _SIZE.fullmatch(size) or len(found := _root(root)) != HASH_BYTES:
        raise NoteRefused("not a checkpoint: origin, size and root are its first three lines")
    return Checkpoint(TreeHead(origin, int(size), found), parsed)


def _root(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
