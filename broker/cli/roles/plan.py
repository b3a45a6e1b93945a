"""`broker roles plan`: what an apply would change in vCenter. It changes nothing itself."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import format_option
from broker.cli.places import controller_option
from broker.cli.roles.asking import Span, asked_of, asked_options, exit_of, tell_problems
from broker.cli.roles.showing import show_plan, show_replay
from broker.clock import SystemClock
from broker.console import Format, show_json
from broker.controller.assembly import plan_from, replay_from
from broker.controller.planning.document import content_of, saved
from broker.files import write_private


@click.command("plan", short_help="Say what an apply would change, and why.")
@controller_option
@asked_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan in a new file: `broker roles apply FILE` carries out that and nothing else.",
)
@click.option(
    "--replay",
    type=Span(),
    help="Say which issuances of so long ago (30d, 12h) would now be refused, and which refusals issued.",
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
    replay: timedelta | None,
    exit_code: bool,
    output_format: str,
) -> None:
    """Say what `broker roles apply` would create, change and remove, why, and what stands in the way.

    Exit 5 when a vCenter could not be asked, 6 for any other problem.
    """
    plan = plan_from(file, asked_of(prune, follow))
    if out is not None:
        write_private(out, saved(plan, operator(), SystemClock().now()))
    told = replay_from(file, plan, replay) if replay is not None else None
    if output_format == Format.JSON:
        show_json(content_of(plan) | ({"replay": asdict(told)} if told else {}))
    else:
        show_plan(plan)
        if told is not None:
            show_replay(told)
        tell_problems(plan.problems)
    code = exit_of(plan.problems)
    if code is Exit.DONE and exit_code and not plan.empty:
        code = Exit.CHANGES
    ctx.exit(code)
