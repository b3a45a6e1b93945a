"""What a record may say: its envelope, and the fields of its event."""

from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic_core import from_json

from broker.audit.catalogue import CATALOGUE, EventFacts
from broker.model.record import Event

VERSION = 2
_ENVELOPE = ["boot", "code", "event", "fields", "id", "node", "ts", "v"]
_TEXT = {str}
_texts = itemgetter("id", "event", "code", "ts", "boot", "node")
_EVENTS = {event.value: event for event in Event}
_SHAPES_KEPT = 4096


class NoRecord(Exception):
    """Bytes that no broker wrote as a record; says why."""


def parsed(leaf: object) -> Mapping[str, Any]:
    """The content of a record's bytes, with its envelope whole and in its order. Raises NoRecord."""
    if type(leaf) is not bytes:
        raise NoRecord("is not kept as bytes")
    try:
        content = from_json(leaf, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        raise NoRecord("is not JSON") from None
    if type(content) is not dict or [*content] != _ENVELOPE:
        raise NoRecord("does not have the envelope of a record")
    if type(content["fields"]) is not dict or not _TEXT.issuperset(map(type, _texts(content))):
        raise NoRecord("does not have the envelope of a record")
    return content


class Judgement(NamedTuple):
    """What is wrong with records of one shape, and what of them is not known here; each empty for nothing.

    What is not known a newer broker may have written: it is told, and not wrong.
    """

    wrong: str
    unknown: str


@lru_cache(maxsize=_SHAPES_KEPT)
def judged(version: object, code: str, event: str, fields: tuple[str, ...]) -> Judgement:
    """The judgement on a record that has these fields in this order."""
    return Judgement(_wrong(version, code, event, fields), _unknown(version, code, event, fields))


def _wrong(version: object, code: str, event: str, fields: tuple[str, ...]) -> str:
    facts = _facts(version, code)
    if list(fields) != sorted(fields):
        return "has fields that are not in their order"
    if facts is None:
        return ""
    if event != (name := _EVENTS[code].name.lower()):
        return f"calls its event {event}; {code} is {name}"
    missing = [name for name in facts.fields if name not in fields]
    return f"has no field {missing[0]}; every {event} has one" if missing else ""


def _unknown(version: object, code: str, event: str, fields: tuple[str, ...]) -> str:
    facts = _facts(version, code)
    if facts is None:
        return f"the event {event} ({code}, version {version}) is not known here"
    unknown = [name for name in fields if name not in facts.fields and name not in facts.optional]
    return f"fields of {event} that are not known here: {', '.join(unknown)}" if unknown else ""


def _facts(version: object, code: str) -> EventFacts | None:
    return CATALOGUE[_EVENTS[code]] if version == VERSION and code in _EVENTS else None
