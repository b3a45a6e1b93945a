"""Receipts: a ticket's place in the broker's log, and the proof of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.client.errors import LogAlarm, ReceiptRefused
from broker.errors import FileRefused
from broker.files import FileExists, write_private
from broker.model.receipt import Receipt
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.encoding import from_base64, to_base64
from broker.tlog.merkle import HASH_BYTES, included
from broker.tlog.note import NoteRefused, VerifierKey

_MAX_INDEX = 2**63
_MAX_PATH = 64
_MAX_CHECKPOINT = 64 * 1024


class _Receipt(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    index: Annotated[int, Field(strict=True, ge=0, lt=_MAX_INDEX)]
    leaf_hash: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
    checkpoint: Annotated[str, Field(max_length=_MAX_CHECKPOINT)]
    proof: Annotated[tuple[str, ...], Field(max_length=_MAX_PATH)]


def read_receipt(document: object) -> Receipt:
    """What stands in a ticket's answer under `receipt`. Raises ReceiptRefused, which never quotes it."""
    if document is None:
        raise ReceiptRefused(
            "the broker gave a ticket without a receipt: it is older than this client, or hides its log"
        )
    try:
        told = _Receipt.model_validate(document)
    except ValidationError as error:
        wrong = sorted({str(e["loc"][0]) if e["loc"] else "all" for e in error.errors()})
        raise ReceiptRefused(f"the ticket's receipt is malformed; wrong: {', '.join(wrong)}") from None
    path = tuple(from_base64(step) or b"" for step in told.proof)
    if any(len(step) != HASH_BYTES for step in path):
        raise ReceiptRefused("the ticket's receipt is malformed; wrong: proof")
    return Receipt(told.index, bytes.fromhex(told.leaf_hash), told.checkpoint, path)


def receipt_document(receipt: Receipt) -> dict[str, object]:
    """The receipt as the broker answers it."""
    return {
        "index": receipt.index,
        "leaf_hash": receipt.leaf_hash.hex(),
        "checkpoint": receipt.checkpoint,
        "proof": [to_base64(step) for step in receipt.path],
    }


def stated_checkpoint(receipt: Receipt) -> Checkpoint:
    """Its checkpoint, not verified yet. Raises ReceiptRefused."""
    try:
        return parsed_checkpoint(receipt.checkpoint)
    except NoteRefused as refused:
        raise ReceiptRefused(f"the ticket's receipt: {refused}") from None


def check_receipt(
    receipt: Receipt, checkpoint: Checkpoint, keys: Sequence[VerifierKey]
) -> tuple[VerifierKey, ...]:
    """The keys among these that signed its checkpoint, which is of a log that holds the record there.

    Raises LogAlarm where none did, and ReceiptRefused where the log does not hold it.
    """
    head = checkpoint.head
    try:
        signers = checkpoint.verify(keys)
    except NoteRefused as refused:
        raise LogAlarm(
            f"{refused}: ask the broker's operators, past the broker, whether its key was changed, and give "
            "the new one as the log's key"
        ) from None
    if not included(receipt.index, head.size, receipt.leaf_hash, receipt.path, head.root):
        raise ReceiptRefused("the ticket's receipt proves nothing: its path does not lead to its checkpoint")
    return signers


def keep_receipt(folder: Path, origin: str, receipt: Receipt, issuance: str) -> None:
    """Keep it in a file of its own, by whose name they sort as the log does. The ticket is not in it.

    Raises ReceiptRefused where another ticket came with it before, and FileRefused.
    """
    file = folder / f"{quote(origin, safe='')}-{receipt.index:012d}.json"
    document = {"issuance": issuance, **receipt_document(receipt)}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileRefused(f"{folder}: {error.strerror}") from None
    try:
        write_private(file, json.dumps(document, indent=1).encode() + b"\n")
    except FileExists:
        raise ReceiptRefused(f"a ticket came with the receipt of an earlier one, {file}") from None
