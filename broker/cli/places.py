"""Where a command finds the policy and the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import yaml

from broker.cli.exits import Exit
from broker.cli.output import fail
from broker.clock import SystemClock
from broker.errors import BrokerError
from broker.model.policy import Policy
from broker.policy.load import load_policy
from broker.store.database import Database

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

store_option = click.option(
    "--store",
    "store",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="BROKER_STORE",
    help="The store's file, where server.yaml cannot tell it.",
)


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


def store_path(directory: Path, store: Path | None) -> Path:
    """The store's file: as given, else as server.yaml says.

    Only that one key is read, so that a switch can be thrown while the policy is broken.
    """
    if store is not None:
        return store
    file = directory / "server.yaml"
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        fail(
            f"{file} cannot tell the store ({type(error).__name__}); name it with --store", Exit.CONFIGURATION
        )
    told = document.get("store") if isinstance(document, dict) else None
    if not isinstance(told, str):
        fail(f"{file} does not name the store: do so with --store", Exit.CONFIGURATION)
    return directory / told


def readable_policy(directory: Path) -> Policy | None:
    """The policy, to look a name up in; None where it cannot be read. Never raises.

    For what a command says, not for what it does: switches are thrown while the policy is broken.
    """
    try:
        return load_policy(directory)
    except (BrokerError, OSError, RuntimeError):  # the last one is pathlib's for a loop of links
        return None


@contextmanager
def opened_store(path: Path) -> Iterator[Database]:
    """The store, open for one command. Raises LogUnavailable, also where no store was ever made."""
    database = Database.open_existing(path, SystemClock())
    try:
        yield database
    finally:
        database.close()
