"""`broker roles drift`: what in vCenter is not as it was applied. Run on the controller's machine."""

from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import format_option
from broker.cli.places import controller_option
from broker.cli.roles.asking import tell_way_to_doctor
from broker.console import Format, show_json
from broker.controller.assembly import drift_from
from broker.controller.resolving.look import Looked
from broker.model.applied import AppliedGrant
from broker.texts import printable


@click.command("drift", short_help="Look what is no longer as it was applied, and by whom.")
@controller_option
@format_option
@click.pass_context
def command(ctx: click.Context, file: Path, output_format: str) -> None:
    """Look now what in vCenter is not as it was applied, and by whom it was changed where vCenter tells.

    Marks what it finds as the controller does, so that a drift stops tickets. Exit 0 where all holds,
    5 when a vCenter could not be asked, 6 where something drifted: `broker roles adopt` or `restore`
    resolves it.
    """
    looked = drift_from(file)
    if output_format == Format.JSON:
        show_json(_plain(looked))
    else:
        _tell(looked)
    if looked.unasked:
        ctx.exit(Exit.VCENTER)
    if looked.drifted:
        ctx.exit(Exit.CONFLICT)


def _plain(looked: Looked) -> dict[str, object]:
    return {
        "drifted": [_grant(applied) for applied in looked.drifted],
        "hold": [applied.grant for applied in looked.hold],
        "not_applied": list(looked.not_applied),
        "unasked": [{"vcenter": vcenter, "problem": why} for vcenter, why in looked.unasked.items()],
    }


def _grant(applied: AppliedGrant) -> dict[str, object]:
    drift = applied.drift
    return {
        "grant": applied.grant,
        "vcenter": applied.vcenter,
        "standing": applied.standing,
        "applied_at": applied.applied_at.isoformat(),
        "found_at": drift.found_at.isoformat() if drift else None,
        "findings": [
            {"kind": found.kind, "text": found.text, "changed_by": found.changed_by}
            for found in (drift.findings if drift else ())
        ],
    }


def _tell(looked: Looked) -> None:
    for applied in looked.drifted:
        click.echo(click.style(f"! grant {applied.grant} on {applied.vcenter}", fg="red"))
        for found in applied.drift.findings if applied.drift else ():
            by = f", changed by {found.changed_by}" if found.changed_by else ""
            click.echo(printable(f"    {found.kind}{by}: {found.text}"))
    for vcenter, why in looked.unasked.items():
        click.echo(printable(f"! {vcenter} could not be asked: {why}"), err=True)
    if looked.unasked:
        tell_way_to_doctor()
    unknown = len(looked.grants) - len(looked.hold) - len(looked.drifted)
    not_asked = f", {unknown} could not be looked at" if unknown else ""
    click.echo(
        f"{len(looked.hold)} hold, {len(looked.drifted)} drifted, {len(looked.not_applied)} not applied"
        f"{not_asked}"
    )
    if looked.drifted:
        click.echo(
            "`broker roles restore` puts back what the policy says, `broker roles adopt` keeps what stands.",
            err=True,
        )
    if looked.not_applied:
        names = ", ".join(looked.not_applied)
        click.echo(f"Not applied as written: {names}. `broker roles plan` says what is to do.", err=True)
