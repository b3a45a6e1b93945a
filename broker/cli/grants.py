"""`broker grants`: cut a grant at once. The policy's files are not needed, nor looked at."""

from pathlib import Path

import click

from broker.cli.operator import operator
from broker.cli.output import ExplainingGroup, format_option
from broker.cli.places import config_option, opened_store, store_option, store_path
from broker.console import show, tell
from broker.model.names import GrantId, parse_id
from broker.store.applied import StoredGrants
from broker.store.switches import GrantSwitches


@click.group("grants", cls=ExplainingGroup)
def command() -> None:
    """Switch grants off and on; each change is on record. What a grant says stands in grants.yaml."""


@command.command("disable")
@click.argument("grant")
@config_option
@store_option
@format_option
def disable(grant: str, directory: Path, store: Path | None, output_format: str) -> None:
    """Refuse every ticket under GRANT from now on, requests that run included."""
    grant_id = GrantId(parse_id(grant, "grant"))
    with opened_store(store_path(directory, store)) as database:
        GrantSwitches(database).disable(grant_id, operator())
        applied = StoredGrants(database).applied(grant_id)
    if applied is None:
        click.echo(f"warning: no grant of the name {grant_id} is applied; is it spelled right?", err=True)
    tell(
        output_format,
        f"{grant_id} is disabled; a ticket that is out dies within two minutes",
        grant=grant_id,
        state="disabled",
        applied=applied is not None,
    )


@command.command("enable")
@click.argument("grant")
@config_option
@store_option
@format_option
def enable(grant: str, directory: Path, store: Path | None, output_format: str) -> None:
    """Let GRANT work again."""
    grant_id = GrantId(parse_id(grant, "grant"))
    with opened_store(store_path(directory, store)) as database:
        GrantSwitches(database).enable(grant_id, operator())
    tell(output_format, f"{grant_id} is enabled", grant=grant_id, state="enabled")


@command.command("disabled")
@config_option
@store_option
@format_option
def disabled(directory: Path, store: Path | None, output_format: str) -> None:
    """Every grant that is switched off."""
    with opened_store(store_path(directory, store)) as database:
        grants = GrantSwitches(database).disabled()
    show(output_format, ("grant",), [(grant,) for grant in grants])
