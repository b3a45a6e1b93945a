"""The log as it is answered, as models."""

from typing import Annotated, Any

from pydantic import Field, RootModel

from broker.http.answers import Answer, Hash
from broker.model.reports import ReportName

Index = Annotated[int, Field(ge=0, description="A place in the log; the first record has 0.")]
Size = Annotated[int, Field(ge=0, description="How many records a tree has.")]
Path = Annotated[tuple[Hash, ...], Field(description="Hashes beside the way up to the root (RFC 6962).")]


class RecordAnswer(Answer):
    """One record: what was recorded stands under `fields`, by names of docs/events.md."""

    index: Index
    v: int
    id: str
    event: str
    code: str
    ts: str
    boot: str
    node: str
    fields: dict[str, Any]


class RecordsAnswer(Answer):
    """A page of records."""

    items: tuple[RecordAnswer, ...]
    next_cursor: str | None


class ProvedRecordAnswer(Answer):
    """One record with its exact bytes, and the proof that the log holds them."""

    record: RecordAnswer
    leaf: Annotated[str, Field(description="The bytes that are hashed, which are JSON in UTF-8.")]
    leaf_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="RFC 6962, of `leaf`.")]
    checkpoint: Annotated[str, Field(description="The signed head of the log (C2SP tlog-checkpoint).")]
    proof: Path


class ReportAnswer(Answer):
    """A page of a report: rows with the columns that docs/audit.md names, and what no row says."""

    report: Annotated[str, Field(json_schema_extra={"enum": [name.value for name in ReportName]})]
    items: tuple[dict[str, Any], ...]
    notes: dict[str, Any]
    next_cursor: str | None


class CheckpointText(RootModel[str]):
    """The signed head of the log: a C2SP checkpoint."""


class LogKeyAnswer(Answer):
    """A public key of the log, and the sizes, both included, of the trees whose heads it signs."""

    key_id: str
    origin: str
    key: Annotated[str, Field(description="The verifier key (C2SP signed-note).")]
    from_size: Size
    until_size: Annotated[int | None, Field(description="null while it signs.")]


class LogKeysAnswer(Answer):
    """All keys that the log ever had, the oldest first."""

    keys: tuple[LogKeyAnswer, ...]


class InclusionAnswer(Answer):
    """What proves that the tree of `size` records holds one at `index`."""

    index: Index
    size: Size
    path: Path


class ConsistencyAnswer(Answer):
    """What proves that the tree of `new` records begins with that of `old`."""

    old: Size
    new: Size
    path: Path
