"""`broker grants`: cut a grant at once. The policy's files are looked at for typos only."""

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import ExplainingGroup, fail, format_option
from broker.cli.places import StorePlace, config_option, opened_store, readable_policy, store_option
from broker.console import Format, show, show_json, tell
from broker.model.names import GrantId, parse_id
from broker.store.applied import StoredGrants
from broker.store.switches import GrantSwitches


@click.group("grants", cls=ExplainingGroup)
def command() -> None:
    """Switch grants off and on; each change is on record. What a grant says stands in grants.yaml."""


@command.command("disable", short_help="Refuse every ticket under GRANT from now on.")
@click.argument("grant")
@config_option
@store_option
@format_option
def disable(grant: str, directory: Path, store: StorePlace, output_format: str) -> None:
    """Refuse every ticket under GRANT from now on, requests that run included.

    Exit 6 if no grant of this name is known: it is cut all the same.
    """
    grant_id = GrantId(parse_id(grant, "grant"))
    with opened_store(directory, store) as database:
        GrantSwitches(database).disable(grant_id, operator())
        applied = StoredGrants(database).applied(grant_id) is not None
    known = applied or _written(directory, grant_id)
    facts = {"grant": grant_id, "state": "disabled", "applied": applied, "known": known}
    if known:
        tell(output_format, f"{grant_id} is disabled; a ticket that is out dies within two minutes", **facts)
    else:
        undo = f"is it spelled right? `broker grants enable {grant_id}` takes it back"
        _unknown(output_format, f"thrown, but no grant of this name is known; {undo}", facts)


@command.command("enable")
@click.argument("grant")
@config_option
@store_option
@format_option
def enable(grant: str, directory: Path, store: StorePlace, output_format: str) -> None:
    """Let GRANT work again. Exit 6 if it was not disabled and no grant of this name is known."""
    grant_id = GrantId(parse_id(grant, "grant"))
    with opened_store(directory, store) as database:
        switches = GrantSwitches(database)
        was_disabled = switches.grant_disabled(grant_id)
        switches.enable(grant_id, operator())
        applied = StoredGrants(database).applied(grant_id) is not None
    facts = {"grant": grant_id, "state": "enabled", "was_disabled": was_disabled}
    if was_disabled:
        tell(output_format, f"{grant_id} is enabled", **facts)
    elif applied or _written(directory, grant_id):
        tell(output_format, f"{grant_id} was not disabled", **facts)
    else:
        said = (
            f"thrown, but no grant of this name is known; {grant_id} was not disabled, is it spelled right?"
        )
        _unknown(output_format, said, facts)


@command.command("disabled")
@config_option
@store_option
@format_option
def disabled(directory: Path, store: StorePlace, output_format: str) -> None:
    """Every grant that is switched off."""
    with opened_store(directory, store) as database:
        grants = GrantSwitches(database).disabled()
    show(output_format, ("grant",), [(grant,) for grant in grants])


def _written(directory: Path, grant: GrantId) -> bool:
    """Whether the policy can be read and has the grant: one that was never applied, as yet."""
    policy = readable_policy(directory)
    return policy is not None and grant in policy.grants


def _unknown(output_format: str, said: str, facts: Mapping[str, object]) -> NoReturn:
    """The facts for machines only: beside the error a sentence would read as success."""
    if output_format == Format.JSON:
        show_json(facts)
    fail(said, Exit.CONFLICT)
