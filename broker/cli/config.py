"""`broker config`: check what admins wrote before a process has to refuse it."""

from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import ExplainingGroup, fail, format_option
from broker.cli.places import config_option
from broker.console import Format, show_json
from broker.policy.load import as_json, check, explain


@click.group("config", cls=ExplainingGroup)
def command() -> None:
    """Look at the configuration."""


@command.command("check", short_help="Say file, line and key of all that is wrong.")
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
    _demand_folder(directory)
    findings = check(directory, controller)
    if output_format == Format.JSON:
        show_json(as_json(findings))
    else:
        for line in explain(findings) or ["the configuration is valid"]:
            click.echo(line)
    if findings:
        ctx.exit(Exit.CONFIGURATION)


def _demand_folder(directory: Path) -> None:
    """A folder that is not there is one mistake, not one for each file that should be in it."""
    try:
        directory.stat()
    except OSError as error:
        fail(f"{directory} is no folder ({error.strerror}): name it with --config", Exit.CONFIGURATION)
