"""`broker audit keys`: the keys that sign the log."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from broker.audit.keys import make_key
from broker.cli.exits import Exit
from broker.cli.output import ExplainingGroup, fail, format_option
from broker.cli.places import config_option
from broker.console import tell
from broker.policy.load import load_server


@click.group("keys", cls=ExplainingGroup)
def command() -> None:
    """Make and change the keys that sign the log. Nothing secret is printed."""


@command.command("init", short_help="Make the first key.")
@click.option("--origin", help="The log's name; by default the issuer's host with /audit after it.")
@config_option
@format_option
def init(origin: str | None, directory: Path, output_format: str) -> None:
    """Make the first key of the log, before its store is made.

    Give the public key that it prints to whoever is to check the log, past the broker.
    """
    settings = load_server(directory)
    keys = settings.audit.keys
    if keys.is_dir() and any(keys.iterdir()):
        fail(f"{keys} is not empty: a key there may sign a log already", Exit.CONFLICT)
    verifier = make_key(keys, origin or f"{urlsplit(settings.issuer).netloc}/audit")
    tell(
        output_format,
        str(verifier),
        directory=keys,
        key_id=verifier.id,
        origin=verifier.name,
        key=str(verifier),
    )
