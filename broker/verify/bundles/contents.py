"""What an export says of itself: its manifest, its checkpoint and its keys. Who made it may have lied."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.store.published import PublishedKey
from broker.verify.sources import Unreadable

MANIFEST, CHECKPOINT, KEYS, RECORDS, PROOFS = (
    "manifest.json",
    "checkpoint",
    "keys.json",
    "records.jsonl",
    "proofs.jsonl",
)
PROOF_FILES = "proofs"

Model = TypeVar("Model", bound=BaseModel)
_Count = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
_Text = Annotated[str, Field(strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FileFacts(_Strict):
    """What a file should hold."""

    bytes: _Count
    sha256: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


class _Generator(_Strict):
    name: _Text
    version: _Text


class Manifest(_Strict):
    """`manifest.json`."""

    format: Literal["cim-ticket-broker/audit-export/1"]
    generator: _Generator
    exported_at: Annotated[str, Field(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z")]
    exported_by: _Text
    scope: Literal["log", "selection"]
    query: Mapping[str, Any]
    count: _Count
    first: _Count | None
    last: _Count | None
    origin: _Text
    size: _Count
    root: _Text
    checkpoint: _Text
    files: Mapping[str, FileFacts]


class _Key(_Strict):
    key_id: _Text
    origin: _Text
    key: _Text
    from_size: _Count
    until_size: _Count | None


class _Keys(_Strict):
    keys: tuple[_Key, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """An export as far as it says what it is."""

    folder: Path
    manifest: Manifest
    checkpoint: str
    keys: tuple[PublishedKey, ...]


def contents_of(folder: Path) -> Contents:
    """Read what an export says of itself. Raises Unreadable for what is none."""
    manifest = _parsed(Manifest, folder, MANIFEST)
    keys = _parsed(_Keys, folder, KEYS).keys
    return Contents(
        folder=folder,
        manifest=manifest,
        checkpoint=text_of(folder, CHECKPOINT),
        keys=tuple(PublishedKey(k.key_id, k.origin, k.key, k.from_size, k.until_size) for k in keys),
    )


def text_of(folder: Path, name: str) -> str:
    """A small file's text, every byte of it. Raises Unreadable."""
    try:
        return (folder / name).read_bytes().decode()
    except OSError as error:
        raise Unreadable(f"{folder} is no export, or not all of one: {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{name} of the export is not text") from None


def _parsed(model: type[Model], folder: Path, name: str) -> Model:
    try:
        return model.model_validate(json.loads(text_of(folder, name), object_pairs_hook=_once))
    except ValidationError as error:
        wrong = sorted({".".join(map(str, each["loc"])) or "all" for each in error.errors()})
        raise Unreadable(f"{name} of the export is not what it should be: {', '.join(wrong)}") from None
    except ValueError as error:
        raise Unreadable(f"{name} of the export is not JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object each of whose keys stands in it once: a second one would be read differently by others."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands in it twice")
    return found
