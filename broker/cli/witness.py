"""The options of commands that are handed receipts: what is known of the broker's log, and where."""

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TextIO

import click

from broker.client.memory import memory_of
from broker.client.witness import LOOK_EVERY, Witness
from broker.clock import SystemClock
from broker.tlog.note import NoteRefused, VerifierKey, verifier_key

_FOLDER = click.Path(path_type=Path, file_okay=False)
_OPTIONS = (
    click.option(
        "--log-key",
        "keys",
        metavar="VKEY",
        multiple=True,
        help="The public key of the log, as `broker audit keys list` shows it. Then no other counts.",
    ),
    click.option(
        "--log-keys",
        "keys_file",
        type=click.File(),
        envvar="BROKER_LOG_KEYS",
        help="A file of such keys, one a line; a line that begins with # is a comment.",
    ),
    click.option(
        "--log-state",
        "state",
        type=_FOLDER,
        envvar="BROKER_LOG_STATE",
        help="Where to keep what is known of brokers' logs. "
        "[default: cim-ticket-broker in $XDG_STATE_HOME, else in ~/.local/state]",
    ),
    click.option(
        "--receipts", type=_FOLDER, envvar="BROKER_RECEIPTS", help="Keep every receipt in this folder."
    ),
    click.option(
        "--check-every",
        "look_every_min",
        type=click.IntRange(1),
        default=LOOK_EVERY // timedelta(minutes=1),
        show_default=True,
        help="Minutes between two proofs that the log of today begins with that of before.",
    ),
    click.option("--check-consistency", "look_now", is_flag=True, help="Demand that proof now as well."),
)


def as_witness(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command these options, and as `witness` what makes the witness of the broker of a URL."""

    @wraps(command)
    def called(
        keys: tuple[str, ...],
        keys_file: TextIO | None,
        state: Path | None,
        receipts: Path | None,
        look_every_min: int,
        look_now: bool,
        **rest: object,
    ) -> None:
        trusted = (*map(_key, keys), *_listed(keys_file))
        folder = state or _state_folder()
        every = timedelta() if look_now else timedelta(minutes=look_every_min)

        def witness(url: str) -> Witness:
            return Witness(memory_of(folder, url), SystemClock(), trusted, receipts, every)

        command(witness=witness, **rest)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def _listed(file: Iterable[str] | None) -> list[VerifierKey]:
    if file is None:
        return []
    bare = (line.strip() for line in file)
    keys = [_key(line) for line in bare if line and not line.startswith("#")]
    if not keys:
        raise click.UsageError("there is no key in the file of the log's keys")
    return keys


def _key(text: str) -> VerifierKey:
    try:
        return verifier_key(text)
    except NoteRefused as refused:
        raise click.UsageError(f"the log's key: {refused}") from None


def _state_folder() -> Path:
    """$XDG_STATE_HOME counts where it is absolute, says the specification of these folders."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    if named.is_absolute():
        return named / "cim-ticket-broker"
    try:
        return Path.home() / ".local" / "state" / "cim-ticket-broker"
    except RuntimeError:
        raise click.UsageError("there is no home directory; name a folder with --log-state") from None
