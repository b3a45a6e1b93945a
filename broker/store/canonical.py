"""The one form in which a record's content becomes bytes.

JSON in UTF-8 on one line, keys sorted, no blanks, no floats, integers that every reader holds
exactly. The bytes are what is kept, and later hashed; nothing serializes a record twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from broker.texts import cleaned

MAX_BYTES = 60_000
"""Below the 64 KiB that an entry of a tiled log may have (C2SP tlog-tiles)."""

_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_MAX_KEY = 64
_LARGEST_INTEGER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class _Bounds:
    text: int
    items: int


_BOUNDS = (_Bounds(1024, 512), _Bounds(512, 64), _Bounds(256, 8), _Bounds(256, 1))
"""Tried in this order until the record fits. Ids, digests and host names always stay whole."""


def canonical(
    envelope: Mapping[str, object], fields: Mapping[str, object]
) -> tuple[Mapping[str, Any], bytes]:
    """`fields` in their envelope, as they are kept, and the bytes of that, at most MAX_BYTES.

    Long texts and lists are clipped; no field is lost.

    Raises TypeError for a float or another type that a record cannot hold, ValueError for an
    integer beyond 2**53 - 1 or for more keys than fit: defects, not input.
    """
    for bounds in _BOUNDS:
        tidy = {_key(key): _tidy(value, bounds) for key, value in fields.items()}
        content = {**envelope, "fields": tidy}
        line = _encoder.encode(content).encode()
        if len(line) <= MAX_BYTES:
            return content, line
    raise ValueError("a record has too many fields")


@lru_cache(maxsize=256)
def _key(name: str) -> str:
    return cleaned(name, _MAX_KEY)


def _tidy(value: object, bounds: _Bounds) -> object:
    if type(value) is str:  # nearly all are, and clean
        return value if len(value) <= bounds.text and value.isprintable() else cleaned(value, bounds.text)
    match value:
        case None | bool():
            return value
        case str():
            return cleaned(value, bounds.text)
        case int():
            return _exact(value)
        case Mapping():
            return _tidy_mapping(value, bounds)
        case list() | tuple():
            return _tidy_sequence(value, bounds)
        case _:
            raise TypeError(f"a record cannot hold a {type(value).__name__}")


def _exact(value: int) -> int:
    if abs(value) > _LARGEST_INTEGER:
        raise ValueError("a record cannot hold an integer beyond 2**53 - 1")
    return int(value)


def _tidy_mapping(value: Mapping[str, object], bounds: _Bounds) -> dict[str, object]:
    kept = list(value.items())[: bounds.items]
    tidy = {_key(key): _tidy(item, bounds) for key, item in kept}
    if len(value) > len(kept):
        tidy["…"] = len(value) - len(kept)
    return tidy


def _tidy_sequence(value: Sequence[object], bounds: _Bounds) -> list[object]:
    tidy = [_tidy(item, bounds) for item in value[: bounds.items]]
    if len(value) > bounds.items:
        tidy.append(f"…[{len(value) - bounds.items} more]")
    return tidy
