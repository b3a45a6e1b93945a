"""`broker ticket HOST`: what a monitoring app does, as one command."""

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import click

from broker.cli.caller import as_app
from broker.client.api import BrokerClient, DryRunAnswer, TicketAnswer
from broker.client.receipts import receipt_document
from broker.files import write_private
from broker.model.receipt import Receipt
from broker.model.secret import Secret


@click.command("ticket", short_help="Ask the broker for one CIM ticket.")
@click.argument("host")
@as_app
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
    broker: BrokerClient,
    host: str,
    grant: str | None,
    vcenter: str | None,
    *,
    dry_run: bool,
    idempotency_key: str | None,
    output: Path | None,
) -> None:
    """Ask the broker for one CIM ticket for HOST and print the answer as JSON.

    The ticket, `session_id`, is user name and password of CIM-XML on the host, for two minutes. It is
    printed only once its receipt is verified; exits with 8 where there is none that holds.
    """
    with broker as client:
        answer = client.ticket(host, grant, vcenter, dry_run=dry_run, idempotency_key=idempotency_key)
    text = json.dumps(plain(answer), indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        write_private(output, text.encode())


def plain(answer: TicketAnswer | DryRunAnswer) -> dict[str, object]:
    """The answer as JSON values. Handing the ticket out is what this command is for."""
    return {field.name: _plain_value(getattr(answer, field.name)) for field in fields(answer)}


def _plain_value(value: object) -> object:
    match value:
        case Secret():
            return value.reveal()
        case Receipt():
            return receipt_document(value)
        case datetime():
            return value.isoformat()
        case tuple():
            return list(value)
    return value
