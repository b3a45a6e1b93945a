"""`broker audit epoch`: what to do where the log cannot go on as it was."""

from pathlib import Path

import click

from broker.audit.custody.epochs import open_epoch
from broker.audit.keys import key_file
from broker.cli.operator import operator
from broker.cli.output import ExplainingGroup, format_option
from broker.cli.places import StorePlace, config_option, located, store_option
from broker.clock import SystemClock
from broker.console import tell
from broker.store.database import Database


@click.group("epoch", cls=ExplainingGroup)
def command() -> None:
    """Go on with a log after a restored backup or a lost key."""


def _said(_ctx: click.Context, _option: click.Parameter, reason: str) -> str:
    if reason.strip():
        return reason
    raise click.BadParameter("say why: who checks the log has nothing else to go by")


@command.command("open", short_help="Let the log go on under a new name and key.")
@click.option("--reason", required=True, callback=_said, help="Why; it goes on record.")
@config_option
@store_option
@format_option
def open_(reason: str, directory: Path, store: StorePlace, output_format: str) -> None:
    """Let the log go on from where the store ends, under a new name and key, and say so in its next record.

    First look for a newer copy of the store: what this one lacks is in no log any more. Afterwards give the
    new public key to whoever checks the log, and start `broker serve` and `broker controller` anew.
    """
    found = located(directory, store)
    database = Database.open_existing(found.store, SystemClock(), found.keys)
    try:
        epoch = open_epoch(database, found.keys, found.mark, reason, operator())
    finally:
        database.close()
    tell(
        output_format,
        f"{epoch.key}\n"
        f"This key signs epoch {epoch.number} of the log. Give it to whoever checks it, past the broker; "
        f"copy {key_file(found.keys.directory, epoch.key.id)} to every other folder of the log's keys; "
        "start serve and controller anew.",
        epoch=epoch.number,
        origin=epoch.key.name,
        key_id=epoch.key.id,
        key=str(epoch.key),
        directory=found.keys.directory,
    )
