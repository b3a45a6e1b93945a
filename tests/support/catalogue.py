"""Holding records to the catalogue."""

from collections.abc import Iterable
from typing import Any

from broker.audit.catalogue import CATALOGUE
from broker.model.record import Event


def misfits(records: Iterable[dict[str, Any]]) -> list[str]:
    """Each record that lacks a field of its event, has one too many, or another event's name."""
    return [wrong for record in records for wrong in _wrong_with(record)]


def _wrong_with(record: dict[str, Any]) -> list[str]:
    event = Event(record["code"])
    facts, fields = CATALOGUE[event], set(record["fields"])
    name = event.name.lower()
    found = [f"{name} is called {record['event']}"] if record["event"] != name else []
    found += [f"{name} lacks {field}" for field in sorted(set(facts.fields) - fields)]
    found += [f"{name} has {field}" for field in sorted(fields - {*facts.fields, *facts.optional})]
    return found
