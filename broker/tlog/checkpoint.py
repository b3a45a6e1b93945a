"""Checkpoints (C2SP tlog-checkpoint): a log's origin, size and root, as a signed note."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from broker.tlog.encoding import from_base64, to_base64
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
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it was found: what it says, and its note."""

    head: TreeHead
    note: Note

    def verify(self, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
        """The keys among these that signed it.

        Raises NoteRefused where none did that carries the origin's name, or one wrongly: a trusted key of
        another log, or of a witness, does not speak for this one.
        """
        signers = self.note.signed_by(keys)
        if not any(key.name == self.head.origin for key in signers):
            raise NoteRefused(
                f"the checkpoint of {self.head.origin} is signed by no key of that name that is trusted"
            )
        return signers


def signed_checkpoint(head: TreeHead, keys: Sequence[SignerKey]) -> str:
    """The checkpoint's note. Raises NoteRefused for a head that no checkpoint can state."""
    text = head.text()
    if _stated(text) != head:
        raise NoteRefused("not a head for a checkpoint")
    return signed_note(text, keys)


def parsed_checkpoint(note: str) -> Checkpoint:
    """Take a checkpoint apart, verifying no signature. Raises NoteRefused."""
    parsed = parsed_note(note)
    return Checkpoint(_stated(parsed.text), parsed)


def _stated(text: str) -> TreeHead:
    match text.removesuffix("\n").split("\n"):
        case [origin, size, root, *extensions] if origin and all(extensions):
            return TreeHead(origin, _size(size), _root(root))
    raise NoteRefused("not a checkpoint: it is three lines or more, none of them empty")


def _size(line: str) -> int:
    if not _SIZE.fullmatch(line):
        raise NoteRefused("not a checkpoint: its second line is the tree's size")
    return int(line)


def _root(line: str) -> bytes:
    root = from_base64(line)
    if root is None or len(root) != HASH_BYTES:
        raise NoteRefused("not a checkpoint: its third line is the tree's root")
    return root
