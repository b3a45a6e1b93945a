"""`broker accounts`: log-ins that were stopped after vCenter refused a password."""

from pathlib import Path

import click

from broker.cli.operator import operator
from broker.cli.output import ExplainingGroup, format_option
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import show, tell
from broker.model.names import VcenterId, parse_id
from broker.model.principals import canonical_user, parse_user
from broker.store.latches import StoredLatches

_NOT_STOPPED = "is not stopped (any more); `broker accounts latched` lists those that are"


@click.group("accounts", short_help="See and open the latches that stop log-ins.", cls=ExplainingGroup)
def command() -> None:
    """See and open login latches: five refused passwords lock an account, so the first one stops us."""


@command.command("latched")
@config_option
@store_option
@format_option
def latched(directory: Path, store: StorePlace, output_format: str) -> None:
    """Every account whose password vCenter refused."""
    with opened_store(directory, store) as database:
        found = StoredLatches(database).latched()
    show(
        output_format,
        ("vcenter", "user", "since"),
        [(la.vcenter, la.user, la.at.isoformat()) for la in found],
    )


@command.command("retry")
@click.argument("vcenter")
@click.argument("user")
@config_option
@store_option
@format_option
def retry(vcenter: str, user: str, directory: Path, store: StorePlace, output_format: str) -> None:
    r"""Try the password of USER on VCENTER once more. A changed password needs no retry.

    It also ends the wait after log-ins that vCenter did not answer.

    USER is user@domain or DOMAIN\user, in any case.
    """
    where, who = VcenterId(parse_id(vcenter, "vcenter")), canonical_user(parse_user(user))
    with opened_store(directory, store) as database:
        opened = StoredLatches(database).retry(where, who, operator())
    said = "may log in again" if opened else _NOT_STOPPED
    tell(output_format, f"{user} on {vcenter} {said}", vcenter=where, user=who, opened=opened)
