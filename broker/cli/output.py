"""What commands share: the choice of format, and errors with their exit code."""

from typing import NoReturn

import click

from broker.cli.exits import Exit
from broker.client.errors import BrokerRefused, ReceiptRefused
from broker.console import Format
from broker.errors import (
    BrokerError,
    InvalidName,
    LogUnavailable,
    PolicyRefused,
    Reason,
    Refused,
    SecretUnavailable,
)
from broker.files import FileExists
from broker.policy.problems import ConfigurationErrors
from broker.texts import printable

format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice([f.value for f in Format]),
    default=Format.TABLE.value,
    show_default=True,
    help="Print for people or for machines.",
)


_VCENTER_REASONS = frozenset(
    {
        Reason.VCENTER_UNAVAILABLE,
        Reason.VCENTER_FAULT,
        Reason.VCENTER_TIMEOUT,
        Reason.VCENTER_BUSY,
        Reason.LOGIN_LATCHED,
    }
)


def exit_code_of(error: BrokerError) -> Exit:  # noqa: PLR0911 - one for each code
    """The exit code that stands for an error of ours."""
    match error:
        case ConfigurationErrors() | SecretUnavailable():
            return Exit.CONFIGURATION
        case InvalidName():  # files and answers have errors of their own: this was typed
            return Exit.USAGE
        case LogUnavailable():
            pass  # ours, though it is a Refused: nothing was decided
        case FileExists():
            return Exit.CONFLICT
        case ReceiptRefused():
            return Exit.WRONG
        case Refused(reason=code) | BrokerRefused(code=code) if code in _VCENTER_REASONS:
            return Exit.VCENTER
        case Refused() | BrokerRefused() | PolicyRefused():
            return Exit.REFUSED
    return Exit.FAILED


class CommandFailed(click.ClickException):
    """Ends a command with a message on standard error and one of our exit codes."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click declares it on the class, reads it from the instance


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Say what is wrong on standard error and end the command."""
    raise CommandFailed("\n".join(map(printable, message.split("\n"))), code)


class ExplainingGroup(click.Group):
    """A group of commands in which our errors become a message and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; raises ClickException for every BrokerError."""
        try:
            return super().invoke(ctx)
        except BrokerError as error:
            fail(str(error), exit_code_of(error))
