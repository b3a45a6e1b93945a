"""Where a command finds the policy and the store."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click
import yaml

from broker.audit.custody.mark import MarkFile, mark_of
from broker.audit.custody.opening import kept
from broker.audit.keys import LogKeys
from broker.cli.exits import Exit
from broker.cli.output import fail
from broker.clock import SystemClock
from broker.errors import BrokerError, InvalidName
from broker.model.policy import Policy
from broker.model.stores import StoreLocation
from broker.policy.compile import location_of
from broker.policy.load import load_policy
from broker.policy.settings_files import DEFAULT_KEYS
from broker.policy.store_files import URL
from broker.store.database import Database
from broker.store.engines.choice import look_at
from broker.store.engines.engine import Looking

DEFAULT_DIRECTORY = Path("/etc/cim-ticket-broker")

config_option = click.option(
    "--config",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DIRECTORY,
    envvar="BROKER_CONFIG",
    show_default=True,
    help="Directory of server.yaml, vcenters.yaml, accounts.yaml, apps.yaml and grants.yaml.",
)


@dataclass(frozen=True, slots=True)
class StorePlace:
    """The store and its log's keys and high-water mark, where server.yaml is not to say them."""

    store: StoreLocation | None
    keys: Path | None
    high_water: Path | None


@dataclass(frozen=True, slots=True)
class Found:
    """Where a command found them."""

    store: StoreLocation
    keys: LogKeys
    mark: MarkFile


def store_option(command: Callable[..., None]) -> Callable[..., None]:
    """Options that name the store and its log's files; the command gets all as `store`, a StorePlace."""

    @click.option(
        "--store",
        "location",
        envvar="BROKER_STORE",
        help=f"The store's file or URL, where server.yaml cannot tell it. {URL}",
    )
    @click.option(
        "--audit-keys",
        "audit_keys",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="BROKER_AUDIT_KEYS",
        help="The folder of the log's keys, where server.yaml cannot tell it.",
    )
    @click.option(
        "--audit-high-water",
        "audit_high_water",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BROKER_AUDIT_HIGH_WATER",
        help="The file of the log's high-water mark, where server.yaml cannot tell it.",
    )
    @wraps(command)
    def with_place(
        location: str | None, audit_keys: Path | None, audit_high_water: Path | None, **rest: object
    ) -> None:
        named = None if location is None else location_of(location, Path())
        command(store=StorePlace(named, audit_keys, audit_high_water), **rest)

    return with_place


def _controller_file(_ctx: click.Context, _option: click.Parameter, named: Path) -> Path:
    return named / "controller.yaml" if named.is_dir() else named


controller_option = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=DEFAULT_DIRECTORY / "controller.yaml",
    envvar="BROKER_CONTROLLER_CONFIG",
    show_default=True,
    callback=_controller_file,
    help="The controller's own file, or the directory in which it is controller.yaml.",
)


@contextmanager
def opened_store(directory: Path, store: StorePlace) -> Iterator[Database]:
    """The store, open for one command: it and its log's files as given, else as server.yaml says.

    Only those are read there, so that a switch can be thrown while the policy is broken.
    Raises LogUnavailable, also where no store was ever made, or its log went back.
    """
    found = located(directory, store)
    with kept(Database.open_existing(found.store, SystemClock(), found.keys), found.mark) as database:
        yield database


def located(directory: Path, store: StorePlace) -> Found:
    """The store and its log's files, for `opened_store` and for who mends the log."""
    told = _told(directory / "server.yaml", needed=store.store is None)
    location = store.store or _store_of(told, directory)
    keys = store.keys or directory / (_audit(told, "keys") or DEFAULT_KEYS)
    named = _audit(told, "high_water")
    mark = store.high_water or (directory / named if named else None)
    return Found(location, LogKeys(keys), mark_of(location, mark))


def look_at_store(directory: Path, store: StorePlace) -> Looking:
    """The same store, only to be looked at, whatever state it is in. Raises LogUnavailable."""
    told = _told(directory / "server.yaml", needed=store.store is None)
    return look_at(store.store or _store_of(told, directory))


def _told(file: Path, *, needed: bool) -> Mapping[str, object]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        if not needed:
            return {}
        fail(
            f"{file} cannot tell the store ({type(error).__name__}); name it with --store", Exit.CONFIGURATION
        )
    return document if isinstance(document, dict) else {}


def _store_of(told: Mapping[str, object], directory: Path) -> StoreLocation:
    try:
        return location_of(told.get("store"), directory)
    except InvalidName:
        fail(f"{directory / 'server.yaml'} does not name the store: do so with --store", Exit.CONFIGURATION)


def _audit(told: Mapping[str, object], name: str) -> str | None:
    """As server.yaml says, if it does: a wrong guess signs nothing, and is named."""
    audit = told.get("audit")
    said = audit.get(name) if isinstance(audit, dict) else None
    return said if isinstance(said, str) else None


def readable_policy(directory: Path) -> Policy | None:
    """The policy, to look a name up in; None where it cannot be read. Never raises.

    For what a command says, not for what it does: switches are thrown while the policy is broken.
    """
    try:
        return load_policy(directory)
    except (BrokerError, OSError, RuntimeError):  # the last one is pathlib's for a loop of links
        return None
