"""`broker roles adopt`: what vCenter holds becomes what is applied. Run on the controller's machine."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import fail, format_option
from broker.cli.places import controller_option
from broker.console import Format, show_json
from broker.controller.assembly import ApplyRuns, adopt_from
from broker.controller.resolving.adopt import Adoption
from broker.model.names import GrantId, parse_id
from broker.texts import printable


@click.command("adopt", short_help="Take what stands as applied, where the policy wants it.")
@click.argument("grants", metavar="[GRANT]...", nargs=-1)
@controller_option
@format_option
@click.pass_context
def command(ctx: click.Context, grants: Iterable[str], file: Path, output_format: str) -> None:
    """Take vCenter's present state as the applied one for each GRANT, or for all that drifted.

    Only where it is what the policy wants: what it wants otherwise is told with the line to change.
    Changes nothing in vCenter; on record. Exit 6 where a grant was not adopted.
    """
    chosen = [GrantId(parse_id(each, "grant")) for each in grants]
    try:
        adopted = adopt_from(file, chosen, operator())
    except ApplyRuns as running:
        fail(str(running), Exit.CONFLICT)
    if output_format == Format.JSON:
        show_json([{"grant": a.grant, "adopted": not a.unlike, "unlike": list(a.unlike)} for a in adopted])
    else:
        _tell(adopted)
    if any(each.unlike for each in adopted):
        ctx.exit(Exit.CONFLICT)


def _tell(adopted: Sequence[Adoption]) -> None:
    for each in adopted:
        if not each.unlike:
            click.echo(f"{each.grant} is adopted")
        for why in each.unlike:
            click.echo(printable(f"! {each.grant}: {why}"), err=True)
    kept = sum(bool(each.unlike) for each in adopted)
    click.echo(f"{len(adopted) - kept} adopted, {kept} not")
    if kept:
        click.echo("`broker roles restore` puts back what the policy says.", err=True)
    if not adopted:
        click.echo("Nothing drifted. `broker roles plan` says what is not in force.", err=True)
