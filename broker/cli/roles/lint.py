"""`broker roles lint`: the rules over the files, offline, for people and for CI."""

from collections.abc import Sequence
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.places import config_option
from broker.clock import SystemClock
from broker.console import Format, show_json
from broker.lint.findings import Material, Severity
from broker.lint.run import Finding, lint
from broker.lint.sarif import sarif
from broker.lint.told import lines, values
from broker.policy.load import load_with_places
from broker.privileges.catalogue import shipped
from broker.texts import printable

_SARIF = "sarif"


@click.command("lint", short_help="Find what templates and grants had better not allow.")
@config_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice([*(f.value for f in Format), _SARIF]),
    default=Format.TABLE.value,
    show_default=True,
    help="Print for people, for machines, or as SARIF 2.1.0.",
)
@click.option(
    "--fail-on",
    type=click.Choice([s.value for s in Severity]),
    default=Severity.ERROR.value,
    show_default=True,
    help="The mildest finding that makes the command fail.",
)
@click.pass_context
def command(ctx: click.Context, directory: Path, output_format: str, fail_on: str) -> None:
    """Find what templates and grants allow and had better not; docs/lint.md has every rule.

    Asks no vCenter. What an override covers is told and does not fail. Exit 4 when anything at or
    above --fail-on is found, 3 when the files themselves are broken.
    """
    policy, written = load_with_places(directory)
    today = SystemClock().now().date()
    findings = lint(Material(policy, shipped(), today), written)
    _tell(findings, output_format, Path.cwd())
    if _fails(findings, Severity(fail_on)):
        ctx.exit(Exit.REFUSED)


def _tell(findings: Sequence[Finding], output_format: str, base: Path) -> None:
    if output_format == _SARIF:
        show_json(sarif(findings, base))
    elif output_format == Format.JSON:
        show_json(values(findings, base))
    else:
        for line in lines(findings, base):
            click.echo(printable(line))


def _fails(findings: Sequence[Finding], mildest: Severity) -> bool:
    grades = list(Severity)
    failing = grades[: grades.index(mildest) + 1]
    return any(each.override is None and each.rule.severity in failing for each in findings)
