"""`broker demo`: the whole product on this machine, against a simulated vCenter."""

from pathlib import Path

import click

from broker.demo.run import demonstrate, demonstrate_and_keep


@click.command("demo", short_help="Show the whole way of a ticket on this machine.")
@click.option("--keep", is_flag=True, help="Leave everything running and say how to go on.")
@click.option(
    "--roles",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default="roles",
    show_default=True,
    help="The folder of the role templates.",
)
def command(roles: Path, *, keep: bool) -> None:
    """Start a lab, the controller and the broker, then act as a monitoring app."""
    if keep:
        demonstrate_and_keep(roles)
    else:
        demonstrate(roles)
