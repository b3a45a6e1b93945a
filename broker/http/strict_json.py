"""JSON as this broker reads it: each key once, and nothing that two readers could take differently."""

import json
import math
import re
from typing import NoReturn

MAX_DEPTH = 16
MAX_DIGITS = 19

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)


class NotStrictJson(ValueError):
    """The text is not JSON, or JSON that two readers could take differently. Never repeats the text."""


def parse_object(raw: bytes) -> dict[str, object]:
    """Give the one object in `raw`.

    Raises NotStrictJson for anything but UTF-8 JSON with each key once, no more than 16 levels
    deep, integers of at most 19 digits, finite numbers and an object at the top.
    """
    document = parse(raw)
    if not isinstance(document, dict):
        raise NotStrictJson("not an object")
    return document


def parse(raw: bytes) -> object:
    """Give the JSON value in `raw`, as strict as `parse_object`."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise NotStrictJson("not UTF-8") from None
    if _depth(text) > MAX_DEPTH:
        raise NotStrictJson("nested too deeply")
    document = _loaded(text)
    if "\\u" in text:
        _check_surrogates(document)
    return document


def _loaded(text: str) -> object:
    try:
        return json.loads(
            text,
            object_pairs_hook=_each_key_once,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError:
        raise NotStrictJson("not JSON") from None


def _check_surrogates(document: object) -> None:
    """Half a character is no text: nothing could store it, log it or send it on (RFC 7493, 2.1)."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotStrictJson("half a character") from None


def _depth(text: str) -> int:
    """How deep brackets nest outside of strings: known before the parser recurses."""
    depth = deepest = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("a key stands twice")
    return found


def _bounded_int(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise NotStrictJson("a number is too long")
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotStrictJson("a number is too large")
    return value


def _no_constant(_name: str) -> NoReturn:
    raise NotStrictJson("not a JSON number")
