"""`broker apps`: what the store holds of apps. The policy's files are looked at for typos only."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import ExplainingGroup, fail, format_option
from broker.cli.places import StorePlace, config_option, opened_store, readable_policy, store_option
from broker.clock import SystemClock
from broker.console import show, tell
from broker.errors import Reason, Refused
from broker.files import write_private
from broker.model.names import AppId, parse_id
from broker.store.credentials import StoredCredentials

_secret_option = click.option(
    "--secret-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Make a secret for client_secret_basic and write it to this new file, mode 0600.",
)

_EXITS = {Reason.INVALID_REQUEST: Exit.CONFLICT, Reason.NOT_FOUND: Exit.FAILED}
"""What the store says of an app that was added before, or never."""


@click.group("apps", short_help="Switch apps on and off and give them secrets.", cls=ExplainingGroup)
def command() -> None:
    """Switch apps on and off and give them secrets; each change is on record and cuts at once.

    Who an app is, its public keys and scopes stand in apps.yaml.
    """


@contextmanager
def _credentials(directory: Path, store: StorePlace) -> Iterator[StoredCredentials]:
    with opened_store(directory, store) as database:
        try:
            yield StoredCredentials(database)
        except Refused as refused:
            code = _EXITS.get(refused.reason)
            if code is None:
                raise
            fail(refused.detail, code)


@command.command("add", short_help="Let APP authenticate, by its keys or a new secret.")
@click.argument("app")
@_secret_option
@config_option
@store_option
@format_option
def add(app: str, secret_file: Path | None, directory: Path, store: StorePlace, output_format: str) -> None:
    """Let APP authenticate: with its keys from apps.yaml, and with a secret if one is made here."""
    app_id = AppId(parse_id(app, "app"))
    with _credentials(directory, store) as credentials, _new_secret(secret_file) as digest:
        credentials.add(app_id, digest, operator())
    policy = readable_policy(directory)
    if policy is not None and app_id not in policy.apps:
        click.echo(f"warning: apps.yaml has no app {app_id}; is it spelled right?", err=True)
    tell(output_format, f"{app_id} may authenticate", app=app_id, state="enabled", secret_file=secret_file)


@command.command("rotate", short_help="Revoke every access token of APP, and its secret.")
@click.argument("app")
@_secret_option
@click.option(
    "--overlap",
    type=click.IntRange(0, 24 * 60),
    default=0,
    show_default=True,
    help="Minutes for which the old secret works on, beside the new one.",
)
@config_option
@store_option
@format_option
def rotate(
    app: str,
    secret_file: Path | None,
    overlap: int,
    directory: Path,
    store: StorePlace,
    output_format: str,
) -> None:
    """Revoke every access token of APP, and give it a new secret if a file is named.

    Without a file its secret stays as it is.
    """
    if overlap and secret_file is None:
        raise click.UsageError("--overlap goes with --secret-file: without a new secret the old one stays")
    app_id = AppId(parse_id(app, "app"))
    keep_until = SystemClock().now() + timedelta(minutes=overlap) if overlap else None
    with _credentials(directory, store) as credentials, _new_secret(secret_file) as digest:
        generation = credentials.rotate(app_id, digest, operator(), keep_until)
    tell(
        output_format,
        f"{app_id} is at generation {generation}: earlier tokens are revoked",
        app=app_id,
        generation=generation,
        secret_file=secret_file,
    )


@command.command("disable")
@click.argument("app")
@config_option
@store_option
@format_option
def disable(app: str, directory: Path, store: StorePlace, output_format: str) -> None:
    """Cut APP and every access token that it holds, at once."""
    app_id = AppId(parse_id(app, "app"))
    with _credentials(directory, store) as credentials:
        credentials.disable(app_id, operator())
    said = f"{app_id} is disabled; a ticket that it holds dies within two minutes"
    tell(output_format, said, app=app_id, state="disabled")


@command.command("enable")
@click.argument("app")
@config_option
@store_option
@format_option
def enable(app: str, directory: Path, store: StorePlace, output_format: str) -> None:
    """Let APP authenticate again. Tokens from before stay revoked."""
    app_id = AppId(parse_id(app, "app"))
    with _credentials(directory, store) as credentials:
        credentials.enable(app_id, operator())
    tell(output_format, f"{app_id} is enabled", app=app_id, state="enabled")


@command.command("list")
@config_option
@store_option
@format_option
def list_apps(directory: Path, store: StorePlace, output_format: str) -> None:
    """Every app that was ever added."""
    with _credentials(directory, store) as credentials:
        known = credentials.all()
    rows = [
        (c.app, "disabled" if c.disabled else "enabled", c.generation, len(c.secret_hashes)) for c in known
    ]
    show(output_format, ("app", "state", "generation", "secrets"), rows)


@contextmanager
def _new_secret(file: Path | None) -> Iterator[bytes | None]:
    """256 random bits in the file, and their SHA-256 for the store.

    The file is there before the store takes the digest, so that no app is left with a secret
    that nobody has; where the store does not take it, the file is removed again.
    """
    if file is None:
        yield None
        return
    secret = secrets.token_urlsafe(32)
    write_private(file, secret.encode() + b"\n")
    try:
        yield hashlib.sha256(secret.encode()).digest()
    except BaseException:  # whatever kept the store from it: the secret opens nothing
        file.unlink()
        raise
