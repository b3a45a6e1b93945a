"""`broker roles restore`: what the policy says is put back. Run on the controller's machine."""

from collections.abc import Iterable
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import fail, format_option
from broker.cli.places import controller_option
from broker.cli.roles.asking import exit_of
from broker.cli.roles.progress import Onlooker
from broker.cli.roles.telling import show_report
from broker.controller.assembly import ApplyRuns, restore_from
from broker.model.names import GrantId, parse_id


@click.command("restore", short_help="Put back what the policy says where it drifted.")
@click.argument("grants", metavar="[GRANT]...", nargs=-1)
@controller_option
@format_option
@click.pass_context
def command(ctx: click.Context, grants: Iterable[str], file: Path, output_format: str) -> None:
    """Put back in vCenter what the policy says of each GRANT that drifted, or of all.

    Replaces whatever stands where a permission of ours was set: see `broker roles drift` first. All
    else that is not ours stays and is named. On record, each step. Exit 5 when a vCenter could not be
    asked, 6 for any other problem.
    """
    chosen = [GrantId(parse_id(each, "grant")) for each in grants]
    try:
        report = restore_from(file, chosen, operator(), Onlooker())
    except ApplyRuns as running:
        fail(str(running), Exit.CONFLICT)
    show_report(report, output_format)
    if not (report.changes or report.unchanged or report.problems):
        click.echo("Nothing drifted. `broker roles plan` says what is not in force.", err=True)
    ctx.exit(exit_of(report.problems))
