"""Where a command finds the policy and the store."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click
import yaml

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
    """The store and the folder of the log's keys, where server.yaml is not to say them."""

    store: StoreLocation | None
    keys: Path | None


def store_option(command: Callable[..., None]) -> Callable[..., None]:
    """Options that name the store and its keys; the command gets both as `store`, a StorePlace."""

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
    @wraps(command)
    def with_place(location: str | None, audit_keys: Path | None, **rest: object) -> None:
        named = None if location is None else location_of(location, Path())
        command(store=StorePlace(named, audit_keys), **rest)

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
    """The store, open for one command: file and keys as given, else as server.yaml says.

    Only the store and the log's keys are read there, so that a switch can be thrown while the policy
    is broken. Raises LogUnavailable, also where no store was ever made.
    """
    told = _told(directory / "server.yaml", needed=store.store is None)
    keys = store.keys or directory / _keys_of(told)
    database = Database.open_existing(store.store or _store_of(told, directory), SystemClock(), LogKeys(keys))
    try:
        yield database
    finally:
        database.close()


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


def _keys_of(told: Mapping[str, object]) -> str:
    """As server.yaml says, else where they lie by default: a wrong guess signs nothing, and is named."""
    audit = told.get("audit")
    keys = audit.get("keys") if isinstance(audit, dict) else None
    return keys if isinstance(keys, str) else DEFAULT_KEYS


def readable_policy(directory: Path) -> Policy | None:
    """The policy, to look a name up in; None where it cannot be read. Never raises.

    For what a command says, not for what it does: switches are thrown while the policy is broken.
    """
    try:
        return load_policy(directory)
    except (BrokerError, OSError, RuntimeError):  # the last one is pathlib's for a loop of links
        return None
