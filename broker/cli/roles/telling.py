"""What was done to vCenter and what was not, told alike by `apply` and `restore`."""

from collections.abc import Iterator, Mapping
from itertools import groupby

import click

from broker.cli.roles.asking import tell_problems
from broker.console import Format, show_json
from broker.controller.carrying.report import ApplyReport, Change
from broker.model.record import Event, JsonValue
from broker.texts import counted, printable

_LINES: Mapping[Event, str] = {
    Event.ROLE_CREATED: "+ role {role}: created",
    Event.ROLE_UPDATED: "~ role {role}: changed",
    Event.ROLE_REMOVED: "- role {role}: removed",
    Event.PERMISSION_SET: "+ permission of {principal} on {path}: role {role}",
    Event.PERMISSION_REMOVED: "- permission of {principal} on {path}: removed",
    Event.GRANT_APPLIED: "+ grant {grant}: in force as {principal}",
    Event.GRANT_WITHDRAWN: "- grant {grant}: withdrawn, {why}",
}
"""By what was done. All that is on record of it stands in the log, and in JSON."""


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
    for line in _done(report):
        click.echo(printable(line))
    tell_problems(report.problems)
    click.echo(
        f"{len(report.changes)} changed, {len(report.unchanged)} unchanged, "
        f"{counted(len(report.problems), 'problem')}"
    )


def _done(report: ApplyReport) -> Iterator[str]:
    for vcenter, changes in groupby(report.changes, lambda change: change.fields["vcenter"]):
        yield f"vCenter {vcenter}"
        for change in changes:
            yield f"  {_LINES[change.event].format(**change.fields)}"
            for detail in _details(change):
                yield f"      {detail}"
    for subject in report.unchanged:
        yield f"  grant {subject} stands as it is written"


def _details(change: Change) -> Iterator[str]:
    if change.event in (Event.PERMISSION_SET, Event.PERMISSION_REMOVED):
        yield f"before: {change.fields['held']}"
    else:
        before, after = (_privileges(change.fields.get(name)) for name in ("held", "holds"))
        yield from (f"- {each}" for each in sorted(before - after))
        yield from (f"+ {each}" for each in sorted(after - before))


def _privileges(told: JsonValue) -> frozenset[str]:
    return frozenset(map(str, told)) if isinstance(told, list) else frozenset()
