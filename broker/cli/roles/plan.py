"""`broker roles plan`: what an apply would change in vCenter. It changes nothing itself."""

from collections.abc import Iterable
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import format_option
from broker.cli.places import controller_option
from broker.cli.roles.asking import asked_of, asked_options, exit_of, tell_problems
from broker.cli.roles.showing import show_plan
from broker.clock import SystemClock
from broker.console import Format, show_json
from broker.controller.assembly import plan_from
from broker.controller.planning.document import content_of, saved
from broker.files import write_private


@click.command("plan")
@controller_option
@asked_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan in a new file: `broker roles apply FILE` carries out that and nothing else.",
)
@click.option("--exit-code", is_flag=True, help="Exit 7 where there is something to do.")
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    prune: bool,
    follow: Iterable[str],
    out: Path | None,
    exit_code: bool,
    output_format: str,
) -> None:
    """Say what `broker roles apply` would create, change and remove, why, and what stands in the way.

    Exit 5 when a vCenter could not be asked, 6 for any other problem.
    """
    plan = plan_from(file, asked_of(prune, follow))
    if out is not None:
        write_private(out, saved(plan, operator(), SystemClock().now()))
    if output_format == Format.JSON:
        show_json(content_of(plan))
    else:
        show_plan(plan)
        tell_problems(plan.problems)
    code = exit_of(plan.problems)
    if code is Exit.DONE and exit_code and not plan.empty:
        code = Exit.CHANGES
    ctx.exit(code)
