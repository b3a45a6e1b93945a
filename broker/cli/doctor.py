"""`broker doctor`: what is wrong with vCenters, accounts and hosts. Run on the controller's machine."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import format_option
from broker.cli.places import controller_option
from broker.console import Format, show_json
from broker.controller.looking import examine_from
from broker.doctor.catalogue import Severity
from broker.doctor.connection import TYPICAL_SESSIONS
from broker.doctor.finding import Finding, Report, some
from broker.doctor.visit import Wanted
from broker.model.names import VcenterId, parse_host_name, parse_id
from broker.texts import counted, printable

_MARKS = {Severity.ERROR: "!", Severity.WARNING: "~", Severity.INFO: " "}
_CALLED = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: None}


@click.command("doctor", short_help="Find what is wrong with vCenter, accounts and hosts.")
@controller_option
@click.option("--vcenter", "vcenters", multiple=True, help="Only this vCenter; may be given several times.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    help="Only this host, by name or address, maybe several times; else every host that a grant is for.",
)
@click.option(
    "--log-in",
    is_flag=True,
    help="Try the password of each account, once. A refused one counts toward vCenter's lock and stops the "
    "account's log-ins until it changes; one that was refused before is not tried.",
)
@click.option(
    "--most-sessions",
    type=click.IntRange(1),
    default=TYPICAL_SESSIONS,
    show_default=True,
    help="How many sessions vCenter takes: no API tells.",
)
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    vcenters: tuple[str, ...],
    hosts: tuple[str, ...],
    *,
    log_in: bool,
    most_sessions: int,
    output_format: str,
) -> None:
    """Look at vCenters, the controller's account, each low-privilege account and the hosts; change nothing.

    Every finding has an id, a severity and what to do: docs/doctor.md. Exit 5 when a vCenter could not
    be looked at, 1 for any other finding that is an error, 0 without one.
    """
    wanted = Wanted(
        vcenters=tuple(VcenterId(parse_id(name, "vcenter")) for name in vcenters),
        hosts=tuple(parse_host_name(name) for name in hosts),
        most_sessions=most_sessions,
        log_in=log_in,
    )
    report = examine_from(file, wanted, _progress)
    if output_format == Format.JSON:
        show_json(_plain(report))
    else:
        _tell(report)
    ctx.exit(_exit_code(report))


def _exit_code(report: Report) -> Exit:
    if report.unseen:
        return Exit.VCENTER
    return Exit.FAILED if report.count(Severity.ERROR) else Exit.DONE


def _progress(what: str, done: int, of: int) -> None:
    """For people who wait: on a terminal only, so that what is kept has no noise in it."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{printable(what)}: {done} of {of}", nl=False, err=True)


def _plain(report: Report) -> dict[str, object]:
    return {
        "vcenters": list(report.vcenters),
        "not_looked_at": list(report.unseen),
        "hosts": report.hosts,
        "findings": [
            {
                "id": finding.check,
                "severity": finding.entry.severity,
                "title": finding.entry.title,
                "vcenter": finding.vcenter,
                "subject": finding.subject,
                "finding": finding.text,
                "advice": finding.entry.advice,
                "facts": dict(finding.facts),
            }
            for finding in report.findings
        ],
    }


def _tell(report: Report) -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    for severity in Severity:
        found = [finding for finding in report.findings if finding.entry.severity is severity]
        for check in dict.fromkeys(finding.check for finding in found):
            _tell_alike(severity, [finding for finding in found if finding.check is check])
    counts = ", ".join(counted(report.count(severity), _CALLED[severity]) for severity in Severity)
    looked_at = f"{counted(len(report.vcenters), 'vCenter')}, {counted(report.hosts, 'host')}"
    click.echo(f"{counts}; looked at {looked_at}")


def _tell_alike(severity: Severity, findings: Iterable[Finding]) -> None:
    """What is of one kind stands together, with its advice once."""
    first, *rest = findings
    title = f"{_MARKS[severity]} {first.check} {severity}: {first.entry.title}"
    click.echo(click.style(title, fg=_COLOURS[severity]))
    alike: dict[tuple[str | None, str], list[str]] = {}
    for finding in (first, *rest):
        alike.setdefault((finding.vcenter, finding.text), []).append(finding.subject)
    for (vcenter, text), subjects in alike.items():
        where = f" on {vcenter}" if vcenter else ""
        click.echo(printable(f"    {some(tuple(subjects))}{where}: {text}"))
    click.echo(f"    -> {first.entry.advice}")
