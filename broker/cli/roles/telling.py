"""What was done to vCenter and what was not, told alike by `apply` and `restore`."""

import click

from broker.cli.roles.asking import tell_problems
from broker.console import Format, show_json
from broker.controller.carrying.report import ApplyReport
from broker.texts import printable


def show_report(report: ApplyReport, output_format: str) -> None:
    """Print it for people or for machines."""
    if output_format == Format.JSON:
        show_json(_plain(report))
    else:
        _tell(report)


def _plain(report: ApplyReport) -> dict[str, object]:
    return {
        "plan": report.plan,
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
        facts = "  ".join(
            f"{name}={value}" for name, value in change.fields.items() if name not in ("by", "plan")
        )
        click.echo(printable(f"~ {what}  {facts}"))
    for subject in report.unchanged:
        click.echo(f"  {subject} stands as it is written")
    tell_problems(report.problems)
    click.echo(
        f"{len(report.changes)} changed, {len(report.unchanged)} unchanged, {len(report.problems)} problems"
    )
