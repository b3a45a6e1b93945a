"""The options of commands that act as a monitoring app: which broker, and who asks."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from broker.cli.witness import as_witness
from broker.client.api import BrokerClient
from broker.client.tokens import ClientCredential, KeyCredential, SecretCredential
from broker.client.witness import Witness
from broker.model.secret import SecretFile
from broker.secrets import read_secret

_OPTIONS = (
    click.option("--broker", "url", required=True, envvar="BROKER_URL", help="The broker's URL."),
    click.option(
        "--ca",
        "ca_file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        required=True,
        envvar="BROKER_CA",
        help="PEM file that the broker's certificate is verified against.",
    ),
    click.option("--client-id", required=True, envvar="BROKER_CLIENT_ID", help="The app's id."),
    click.option("--key", type=click.Path(path_type=Path), help="The app's private key, PEM, mode 0600."),
    click.option("--secret-file", type=click.Path(path_type=Path), help="The app's secret, mode 0600."),
)


def as_app(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command these options, and as its first argument a client made of them, not yet entered."""

    @as_witness
    @wraps(command)
    def called(
        url: str,
        ca_file: Path,
        client_id: str,
        key: Path | None,
        secret_file: Path | None,
        witness: Callable[[str], Witness],
        **rest: object,
    ) -> None:
        credential = _credential(client_id, key, secret_file)
        command(BrokerClient(url, ca_file, credential, witness=witness(url)), **rest)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def _credential(client_id: str, key: Path | None, secret_file: Path | None) -> ClientCredential:
    if key is not None and secret_file is None:
        return KeyCredential(client_id, read_secret(SecretFile(key)))
    if secret_file is not None and key is None:
        return SecretCredential(client_id, read_secret(SecretFile(secret_file)))
    raise click.UsageError("give exactly one of --key and --secret-file")
