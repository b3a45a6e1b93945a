"""Printing results: tables for people, JSON for machines."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum

import click

from broker.texts import printable


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


def show(output_format: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows: JSON objects with the columns as keys, or a table."""
    if output_format == Format.JSON:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    texts = [[printable(str(cell)) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]
    for row in texts:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_json(value: object) -> None:
    """Print one JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))


def tell(output_format: str, sentence: str, **facts: object) -> None:
    """Say what was done: the facts as a JSON object, or the sentence."""
    if output_format == Format.JSON:
        show_json(facts)
    else:
        click.echo(sentence)


def show_facts(output_format: str, facts: Mapping[str, object]) -> None:
    """Print one thing: a JSON object, or a line for each fact."""
    if output_format == Format.JSON:
        show_json(dict(facts))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {printable(str(value))}")
