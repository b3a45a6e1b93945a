"""The columns of a record that are derived from its bytes: an index, rebuilt and compared by who verifies."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from broker.store.times import ms


@dataclass(frozen=True, slots=True)
class Columns:
    """What a record is found by. Times are milliseconds since 1970 in UTC."""

    id: str
    code: str
    at: int
    app: str | None
    issuance: str | None
    host: str | None
    vcenter: str | None
    grant_id: str | None
    template: str | None
    reason: str | None
    actor: str | None
    address: str | None
    exposed_from: int | None
    exposed_until: int | None


NAMES = tuple(field.name for field in fields(Columns))
_TEXTS = ("app", "issuance", "host", "vcenter", "grant", "template", "reason", "by", "address")
"""The fields of a record that the columns from `app` to `address` are made of, in their order."""
_TEXT_TYPES = {str, type(None)}


def columns_of(content: Mapping[str, Any]) -> Columns:
    """The columns of a record, from its content as JSON says it.

    Raises KeyError, TypeError or ValueError for what no broker ever wrote.
    """
    return Columns(*values_of(content))


def values_of(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """The same, as a tuple in the order of NAMES: for who derives a million of them."""
    said = content["fields"].get
    texts = tuple(map(said, _TEXTS))
    if not _TEXT_TYPES.issuperset(map(type, texts)):
        texts = tuple(text if isinstance(text, str) else None for text in texts)
    return (
        content["id"],
        content["code"],
        _moment(content["ts"]),
        *texts,
        _moment_if_told(said("exposure_from")),
        _moment_if_told(said("exposure_until")),
    )


def _moment(text: str) -> int:
    return ms(datetime.fromisoformat(text))


def _moment_if_told(value: object) -> int | None:
    return _moment(value) if isinstance(value, str) else None
