"""`broker config`: check what admins wrote before a process has to refuse it."""

from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import ExplainingGroup, format_option
from broker.cli.places import config_option
from broker.console import show
from broker.policy.load import check


@click.group("config", cls=ExplainingGroup)
def command() -> None:
    """Look at the configuration."""


@command.command("check")
@config_option
@click.option(
    "--controller",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Check the controller's file too.",
)
@format_option
@click.pass_context
def config_check(ctx: click.Context, directory: Path, controller: Path | None, output_format: str) -> None:
    """Check every file and say file, line and key of everything that is wrong. Exit 3 if anything is."""
    findings = check(directory, controller)
    rows = [(str(e.file), e.line, e.key, e.problem, e.advice) for e in findings]
    if rows or output_format == "json":
        show(output_format, ("file", "line", "key", "problem", "advice"), rows)
    if rows:
        ctx.exit(Exit.CONFIGURATION)
    if output_format != "json":
        click.echo("the configuration is valid")
