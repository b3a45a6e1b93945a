"""How much the operational log of a process says, and in which form."""

import sys

import click

from broker.logs import Form, log_to_stderr

log_level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much the operational log says; no level shows a secret.",
)

log_format_option = click.option(
    "--log-format",
    type=click.Choice(["auto", *(form.value for form in Form)]),
    default="auto",
    show_default=True,
    help="Lines for machines or for people; auto: for people on a terminal.",
)


def begin_log(level: str, log_format: str) -> None:
    """Log this process' doings as the options say."""
    if log_format == "auto":
        log_to_stderr(level, Form.TEXT if sys.stderr.isatty() else Form.JSON)
    else:
        log_to_stderr(level, Form(log_format))
