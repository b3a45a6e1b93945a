"""Records as JSON objects, and filters as they are put on record."""

import json
from typing import Any

from broker.errors import LogUnavailable
from broker.model.search import TEXTS, RecordFilter
from broker.store.log import Leaf
from broker.store.times import iso, ms_up


def content_of(leaf: Leaf) -> dict[str, Any]:
    """The record with its position as `index`: what was recorded stands under `fields`.

    Raises LogUnavailable for bytes that are no record: somebody changed them, or the disk did.
    """
    try:
        content = json.loads(leaf.content)
    except ValueError:
        content = None
    match content:
        case {"fields": dict()}:
            return {"index": leaf.seq, **content}
    raise LogUnavailable(f"record {leaf.seq} is none any more; run: broker audit verify")


def said(wanted: RecordFilter) -> dict[str, str]:
    """The filter in the words of broker/model/search.py; empty for the one that lets all through."""
    told = {name: getattr(wanted, name) for name in TEXTS}
    told |= {
        "event": ",".join(sorted(event.name.lower() for event in wanted.events)) or None,
        "since": None if wanted.since is None else iso(ms_up(wanted.since)),
        "until": None if wanted.until is None else iso(ms_up(wanted.until)),
        "first": None if wanted.first is None else str(wanted.first),
        "last": None if wanted.last is None else str(wanted.last),
    }
    return {name: text for name, text in told.items() if text is not None}
