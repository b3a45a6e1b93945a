"""`broker roles apply`: what the privileged side writes to vCenter. Run on the controller's machine."""

from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import format_option
from broker.cli.places import controller_option
from broker.console import show_json
from broker.controller.assembly import apply_from
from broker.controller.report import ApplyReport, ProblemKind
from broker.texts import printable


@click.command("apply")
@controller_option
@format_option
@click.pass_context
def command(ctx: click.Context, file: Path, output_format: str) -> None:
    """Create or update the role of each template and set the permissions of each grant.

    Touches nothing that it did not make: what stands in the way is named and stays. Running it
    again changes nothing. Exit 5 when a vCenter could not be asked, 6 for any other problem.
    """
    report = apply_from(file)
    if output_format == "json":
        show_json(_plain(report))
    else:
        _tell(report)
    kinds = {problem.kind for problem in report.problems}
    if ProblemKind.UNREACHABLE in kinds:
        ctx.exit(Exit.VCENTER)
    if kinds:
        ctx.exit(Exit.CONFLICT)


def _plain(report: ApplyReport) -> dict[str, object]:
    return {
        "changes": [{"event": change.event.name.lower(), **change.fields} for change in report.changes],
        "unchanged": list(report.unchanged),
        "problems": [
            {"kind": p.kind, "subject": p.subject, "vcenter": p.vcenter, "problem": p.text}
            for p in report.problems
        ],
    }


def _tell(report: ApplyReport) -> None:
    for change in report.changes:
        what = change.event.name.lower().replace("_", " ")
        facts = "  ".join(f"{name}={value}" for name, value in change.fields.items())
        click.echo(printable(f"~ {what}  {facts}"))
    for subject in report.unchanged:
        click.echo(f"  {subject} stands as it is written")
    for problem in report.problems:
        where = f"{problem.subject} on {problem.vcenter}"
        click.echo(printable(f"! {problem.kind}: {where}: {problem.text}"), err=True)
    click.echo(
        f"{len(report.changes)} changed, {len(report.unchanged)} unchanged, {len(report.problems)} problems"
    )
