"""`broker roles apply`: what the privileged side writes to vCenter. Run on the controller's machine."""

from collections.abc import Iterable
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import fail, format_option
from broker.cli.places import controller_option
from broker.cli.roles.asking import asked_of, asked_options, exit_of
from broker.cli.roles.progress import Onlooker
from broker.cli.roles.telling import show_report
from broker.controller.assembly import ApplyRuns, apply_from
from broker.controller.planning.document import LARGEST, PlanOutdated, PlanUnusable, SavedPlan
from broker.controller.planning.plan import Asked


@click.command("apply", short_help="Make vCenter what the policy says, or carry out PLAN.")
@click.argument(
    "saved_plan",
    metavar="[PLAN]",
    required=False,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
@controller_option
@asked_options
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    saved_plan: Path | None,
    file: Path,
    prune: bool,
    follow: Iterable[str],
    output_format: str,
) -> None:
    """Carry out PLAN, made by `broker roles plan --out`, or else a plan made now.

    A PLAN is refused where vCenter, the store or the policy moved on since. Touches nothing that it
    did not make: what stands in the way is named and stays. Running it again changes nothing. Exit
    5 when a vCenter could not be asked, 6 for any other problem.
    """
    wanted = _wanted(saved_plan, asked_of(prune, follow))
    try:
        report = apply_from(file, wanted, operator(), Onlooker())
    except (ApplyRuns, PlanOutdated) as refused:
        fail(str(refused), Exit.CONFLICT)
    show_report(report, output_format)
    ctx.exit(exit_of(report.problems))


def _wanted(saved_plan: Path | None, asked: Asked) -> Asked | SavedPlan:
    if saved_plan is None:
        return asked
    if asked != Asked():
        fail("a plan says itself what to prune and to follow", Exit.USAGE)
    try:
        with saved_plan.open("rb") as file:
            return SavedPlan(file.read(LARGEST))
    except OSError as error:
        fail(f"{saved_plan}: {error.strerror}", Exit.USAGE)
    except PlanUnusable as unusable:
        fail(f"{saved_plan}: {unusable}", Exit.USAGE)
