"""How records and rows are shown: a table for people, JSON Lines for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click

from broker.texts import cleaned, printable

COLUMNS: Final = ("index", "ts", "event", "who", "host", "reason", "issuance")
_WIDTHS: Final = (8, 24, 20, 16, 28, 20, 36)
_MOST = 400
"""Of a cell in a table; JSON and CSV have all of it."""


def record_lines(records: Iterable[Mapping[str, Any]]) -> None:
    """A line of JSON a record."""
    for record in records:
        click.echo(json.dumps(record, ensure_ascii=False, sort_keys=True))


def record_rows(records: Iterable[Mapping[str, Any]]) -> None:
    """A line of a table a record, in columns of fixed width: the next may come much later."""
    for record in records:
        fields = record["fields"]
        who = fields.get("app") or fields.get("by") or fields.get("address")
        told = {**fields, **record, "who": who}
        click.echo(_line([told.get(column) for column in COLUMNS]))


def heading() -> None:
    """The columns of `record_rows`."""
    click.echo(_line(COLUMNS))


def _line(cells: Sequence[object]) -> str:
    texts = ("" if cell is None else printable(str(cell)) for cell in cells)
    padded = (text.ljust(width) for text, width in zip(texts, _WIDTHS, strict=True))
    return "  ".join(padded).rstrip()


def table_cell(value: object) -> str:
    """What a table shows of a value of a report."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return cleaned("; ".join(f"{name}={table_cell(each)}" for name, each in value.items()), _MOST)
    return cleaned(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _MOST)
