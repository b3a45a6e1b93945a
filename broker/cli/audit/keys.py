"""`broker audit keys`: the keys that sign the log."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click

from broker.audit.custody.origins import check_first
from broker.audit.custody.rotation import KeysRefused, KeyStanding, Rotation
from broker.audit.keys import LogKeys, key_file, make_key
from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import ExplainingGroup, fail, format_option
from broker.cli.places import StorePlace, config_option, located, opened_store, store_option
from broker.clock import SystemClock
from broker.console import show, tell
from broker.errors import LogUnavailable
from broker.model.stores import StoreLocation
from broker.policy.load import load_server
from broker.store.database import Database

_COLUMNS = ("key_id", "origin", "epoch", "from_size", "until_size", "signs", "here", "key")


@click.group("keys", cls=ExplainingGroup)
def command() -> None:
    """Make, change and list the keys that sign the log. Nothing secret is printed."""


@command.command("init", short_help="Make the first key.")
@click.option("--origin", help="The log's name; by default the issuer's host with /audit after it.")
@config_option
@format_option
def init(origin: str | None, directory: Path, output_format: str) -> None:
    """Make the first key of the log, before its store is made.

    Give the public key that it prints to whoever is to check the log, past the broker.
    """
    settings = load_server(directory)
    keys, name = settings.audit.keys, origin or f"{urlsplit(settings.issuer).netloc}/audit"
    check_first(name)
    _demand_no_log(settings.store, keys)
    if keys.is_dir() and any(keys.iterdir()):
        fail(f"{keys} is not empty: a key there may sign a log already", Exit.CONFLICT)
    verifier = make_key(keys, name)
    tell(
        output_format,
        f"{verifier}\n"
        "Give this public key to whoever is to check the log, past the broker, and keep the folder "
        f"{keys} in a backup of its own. Then run: broker roles apply, broker serve.",
        directory=keys,
        key_id=verifier.id,
        origin=verifier.name,
        key=str(verifier),
    )


@command.command("rotate", short_help="Let a new key sign the log.")
@click.option("--finish", is_flag=True, help="End the overlap: the newest key signs alone from now on.")
@config_option
@store_option
@format_option
def rotate(finish: bool, directory: Path, store: StorePlace, output_format: str) -> None:
    """Let a new key sign beside the present one; with --finish, alone.

    Meanwhile give the new public key to whoever checks the log, and copy its file to every other folder
    of the log's keys, as that of the controller's user. No process has to be started anew.
    """
    with _rotation(directory, store) as (rotation, keys):
        if finish:
            _tell_retired(output_format, rotation.finish(), keys)
            return
        key = rotation.begin()
    tell(
        output_format,
        f"{key}\n"
        f"This key signs from now on, beside the one before. Copy {key_file(keys, key.id)} to every other "
        "folder of the log's keys, give the public key to whoever checks the log, then run: "
        "broker audit keys rotate --finish",
        directory=keys,
        key_id=key.id,
        origin=key.name,
        key=str(key),
    )


@command.command("list", short_help="List all keys that the log ever had.")
@config_option
@store_option
@format_option
def list_(directory: Path, store: StorePlace, output_format: str) -> None:
    """List the public keys with the tree sizes whose heads they sign, and whether their file is here."""
    with _rotation(directory, store) as (rotation, _):
        standings = rotation.standings()
    show(output_format, _COLUMNS, [_row(each) for each in standings])


@contextmanager
def _rotation(directory: Path, store: StorePlace) -> Iterator[tuple[Rotation, Path]]:
    """The log's keys, with the folder that they are in."""
    keys = located(directory, store).keys
    with opened_store(directory, store) as database:
        try:
            yield Rotation(database, keys, operator()), keys.directory
        except KeysRefused as refused:
            fail(str(refused), Exit.CONFLICT)


def _demand_no_log(store: StoreLocation, keys: Path) -> None:
    """A key that is made now signs no log that is there already."""
    try:
        database = Database.open_existing(store, SystemClock(), LogKeys(keys))
    except LogUnavailable:  # none is there, or none that a broker would take: whoever opens it says so
        return
    with closing(database):
        signers = database.look().signers
    fail(
        f"the log in {store} is signed by {', '.join(signers)} already: put the files of its keys back; "
        "if they are lost, run: broker audit epoch open",
        Exit.CONFLICT,
    )


def _tell_retired(output_format: str, retired: tuple[str, ...], keys: Path) -> None:
    files = " and ".join(str(key_file(keys, key_id)) for key_id in retired)
    tell(
        output_format,
        f"{' and '.join(retired)} signs no more. Destroy {files}, here and in every other folder and backup.",
        retired=list(retired),
        directory=keys,
    )


def _row(standing: KeyStanding) -> tuple[object, ...]:
    key = standing.key
    until = "" if key.until_size is None else key.until_size
    return (
        key.key_id,
        key.origin,
        standing.epoch,
        key.from_size,
        until,
        standing.signs,
        standing.here,
        key.key,
    )
