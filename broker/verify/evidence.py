"""What others kept of the log: checkpoints of before, and receipts. Read from files of any size."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.model.receipt import Receipt
from broker.tlog.encoding import from_base64
from broker.tlog.note import NoteRefused
from broker.tlog.proof import parsed_proof
from broker.verify.sources import Unreadable

_NOTE = re.compile(r"(?:(?!— )[^\n]+\n){3,}\n(?:— [^\n]+\n)+")
_PROOF_SUFFIX = ".tlog-proof"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A checkpoint that somebody kept, and where it stands."""

    where: str
    note: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt that an app kept, and where. `leaf_hash` and `issuance` are empty where the file has none."""

    where: str
    receipt: Receipt
    issuance: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was kept."""

    earlier: tuple[Earlier, ...] = ()
    receipts: tuple[Kept, ...] = ()


def checkpoints_in(file: Path) -> Iterator[Earlier]:
    """Every checkpoint in a file, once: notes one after another, or lines of JSON with one as `checkpoint`.

    Raises Unreadable, also where there is none: who hands a file over wants it to be held against the log.
    """
    text = _text_of(file)
    found = dict.fromkeys(_NOTE.findall(text))
    for line in text.split("\n"):
        if line.startswith("{") and (note := _checkpoint_of(line)):
            found[note] = None
    if not found:
        raise Unreadable(f"{file} holds no checkpoint: neither signed notes nor lines of JSON that have one")
    return (Earlier(f"checkpoint {number} of {file}", note) for number, note in enumerate(found, 1))


def receipts_in(folder: Path) -> Iterator[Kept]:
    """Every receipt in the files of a folder. Raises Unreadable, also for a file that is none."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
    except OSError as error:
        raise Unreadable(f"the receipts {folder}: {error.strerror}") from None
    for file in files:
        text = _text_of(file)
        yield _of_proof(file, text) if file.suffix == _PROOF_SUFFIX else _of_json(file, text)


def _checkpoint_of(line: str) -> str:
    try:
        told = json.loads(line)
    except ValueError:
        return ""
    note = told.get("checkpoint")
    return note if isinstance(note, str) else ""


def _of_proof(file: Path, text: str) -> Kept:
    try:
        proof = parsed_proof(text)
    except NoteRefused as refused:
        raise Unreadable(f"{file}: {refused}") from None
    return Kept(str(file), Receipt(proof.index, b"", str(proof.checkpoint.note), proof.path))


def _of_json(file: Path, text: str) -> Kept:
    """A receipt as an answer has it, or the answer itself, whose ticket nobody should have kept."""
    try:
        told = json.loads(text)
        return Kept(str(file), _receipt(told.get("receipt", told)), str(told.get("issuance", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable(f"{file} is no receipt: index, leaf_hash, checkpoint and proof as JSON") from None


def _receipt(told: dict[str, Any]) -> Receipt:
    path = tuple(from_base64(step) for step in told["proof"])
    index, checkpoint = told["index"], told["checkpoint"]
    if type(index) is not int or type(checkpoint) is not str or None in path:
        raise TypeError("not a receipt")
    return Receipt(index, bytes.fromhex(told["leaf_hash"]), checkpoint, tuple(step or b"" for step in path))


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{file} is not text") from None
