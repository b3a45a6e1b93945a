"""Digests of what the policy means: the same for the same meaning, however it is written down."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

Canonical: TypeAlias = "str | int | float | list[Canonical] | dict[str, Canonical] | None"


def digest_of(value: object) -> str:
    """SHA-256, as lower-case hex, of the one canonical JSON text of `value`.

    Takes our frozen values: dataclasses, mappings, sets, tuples, texts, numbers, dates, times, paths.
    Raises TypeError for anything else.
    """
    text = json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> Canonical:
    """The value as JSON can say it. Sets are sorted, times are in UTC, dataclasses name their type."""
    match value:
        case None | str() | int() | float():
            return value
        case date() | Path():
            return _text(value)
        case tuple() | frozenset():
            return [canonical(item) for item in (value if isinstance(value, tuple) else sorted(value))]
        case Mapping():
            return {str(key): canonical(item) for key, item in value.items()}
        case _ if is_dataclass(value):
            content = {field.name: canonical(getattr(value, field.name)) for field in fields(value)}
            return {type(value).__name__: content}
    raise TypeError(f"a {type(value).__name__} has no canonical form")


def _text(value: date | Path) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
