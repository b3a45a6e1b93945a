"""`broker ticket HOST`: what a monitoring app does, as one command."""

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import click

from broker.client.api import BrokerClient, DryRunAnswer, TicketAnswer
from broker.client.tokens import ClientCredential, KeyCredential, SecretCredential
from broker.files import write_private
from broker.model.secret import Secret, SecretFile
from broker.secrets import read_secret


@click.command("ticket")
@click.argument("host")
@click.option("--broker", "url", required=True, envvar="BROKER_URL", help="The broker's URL.")
@click.option(
    "--ca",
    "ca_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    envvar="BROKER_CA",
    help="PEM file that the broker's certificate is verified against.",
)
@click.option("--client-id", required=True, envvar="BROKER_CLIENT_ID", help="The app's id.")
@click.option("--key", type=click.Path(path_type=Path), help="The app's private key, PEM, mode 0600.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="The app's secret, mode 0600.")
@click.option("--grant", help="Which grant to use, where several cover the host.")
@click.option("--vcenter", help="Which vCenter the host belongs to.")
@click.option("--dry-run", is_flag=True, help="Decide and record, take no ticket.")
@click.option("--idempotency-key", help="Makes a repeated request one issuance.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the answer to this new file, mode 0600, instead of printing it.",
)
def command(
    host: str,
    url: str,
    ca_file: Path,
    client_id: str,
    key: Path | None,
    secret_file: Path | None,
    grant: str | None,
    vcenter: str | None,
    *,
    dry_run: bool,
    idempotency_key: str | None,
    output: Path | None,
) -> None:
    """Ask the broker for one CIM ticket for HOST and print the answer as JSON.

    The ticket, `session_id`, is user name and password of CIM-XML on the host, for two minutes.
    """
    credential = _credential(client_id, key, secret_file)
    with BrokerClient(url, ca_file, credential) as client:
        answer = client.ticket(host, grant, vcenter, dry_run=dry_run, idempotency_key=idempotency_key)
    text = json.dumps(_plain(answer), indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        write_private(output, text.encode())


def _credential(client_id: str, key: Path | None, secret_file: Path | None) -> ClientCredential:
    if key is not None and secret_file is None:
        return KeyCredential(client_id, read_secret(SecretFile(key)))
    if secret_file is not None and key is None:
        return SecretCredential(client_id, read_secret(SecretFile(secret_file)))
    raise click.UsageError("give exactly one of --key and --secret-file")


def _plain(answer: TicketAnswer | DryRunAnswer) -> dict[str, object]:
    """The answer as JSON values. Handing the ticket out is what this command is for."""
    return {field.name: _plain_value(getattr(answer, field.name)) for field in fields(answer)}


def _plain_value(value: object) -> object:
    match value:
        case Secret():
            return value.reveal()
        case datetime():
            return value.isoformat()
        case tuple():
            return list(value)
    return value
