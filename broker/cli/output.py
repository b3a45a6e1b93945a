"""What commands print: tables for people, JSON for machines, errors with their exit code."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NoReturn

import click

from broker.cli.exits import Exit
from broker.client.errors import BrokerRefused
from broker.errors import BrokerError, LogUnavailable, Reason, Refused
from broker.policy.load import ConfigurationErrors


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice([f.value for f in Format]),
    default=Format.TABLE.value,
    show_default=True,
    help="Print for people or for machines.",
)


def show(output_format: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows: JSON objects with the columns as keys, or a table."""
    if output_format == Format.JSON:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    texts = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]
    for row in texts:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_json(value: object) -> None:
    """Print one JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))


def show_facts(output_format: str, facts: Mapping[str, object]) -> None:
    """Print one thing: a JSON object, or a line for each fact."""
    if output_format == Format.JSON:
        show_json(dict(facts))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {value}")


_VCENTER_REASONS = frozenset(
    {
        Reason.VCENTER_UNAVAILABLE,
        Reason.VCENTER_FAULT,
        Reason.VCENTER_TIMEOUT,
        Reason.VCENTER_BUSY,
        Reason.LOGIN_LATCHED,
    }
)


def exit_code_of(error: BrokerError) -> Exit:
    """The exit code that stands for an error of ours."""
    match error:
        case ConfigurationErrors():
            return Exit.CONFIGURATION
        case LogUnavailable():
            return Exit.FAILED
        case Refused(reason=reason) if reason in _VCENTER_REASONS:
            return Exit.VCENTER
        case Refused() | BrokerRefused():
            return Exit.REFUSED
    return Exit.FAILED


class CommandFailed(click.ClickException):
    """Ends a command with a message on standard error and one of our exit codes."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click declares it on the class, reads it from the instance


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Say what is wrong on standard error and end the command."""
    raise CommandFailed(message, code)


class ExplainingGroup(click.Group):
    """A group of commands in which our errors become a message and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; raises ClickException for every BrokerError."""
        try:
            return super().invoke(ctx)
        except BrokerError as error:
            fail(str(error), exit_code_of(error))
