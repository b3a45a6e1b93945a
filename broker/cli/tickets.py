"""`broker tickets HOST...`: tickets of many hosts, a line for each as soon as it is there."""

import json
from collections.abc import Iterable
from typing import TextIO

import click

from broker.cli.caller import as_app
from broker.cli.exits import Exit
from broker.cli.output import fail
from broker.cli.ticket import plain
from broker.client.api import BrokerClient, HostRefused, HostTicket
from broker.errors import InvalidName
from broker.model.names import parse_host_name


@click.command("tickets", short_help="Ask the broker for CIM tickets of many hosts.")
@click.argument("hosts", nargs=-1)
@as_app
@click.option(
    "--hosts-file", type=click.File(), help="Hosts, one a line; # begins a comment; - is standard input."
)
@click.option("--grant", help="Which grant to use, where several cover a host.")
@click.option("--vcenter", help="Which vCenter the hosts belong to.")
@click.option("--concurrency", type=click.IntRange(1), help="Hosts that may be under way at a time.")
@click.option("--idempotency-key", help="Makes a repeated request one issuance, for each host by itself.")
def command(
    broker: BrokerClient,
    hosts: tuple[str, ...],
    hosts_file: TextIO | None,
    grant: str | None,
    vcenter: str | None,
    concurrency: int | None,
    idempotency_key: str | None,
) -> None:
    """Ask the broker for a CIM ticket for each of HOSTS and print one line of JSON for each.

    A line has `host` and either `ticket`, as `broker ticket` prints it, or `refused`. Exits with 4
    where any host was refused, and with 8 at the first ticket whose receipt does not hold.
    """
    wanted = (*map(_host, hosts), *_listed(hosts_file))
    if not wanted:
        raise click.UsageError("name hosts, or a file of them")
    with broker as client:
        results = client.tickets(
            wanted, grant, vcenter, concurrency=concurrency, idempotency_key=idempotency_key
        )
        refused = sum(_print(result) for result in results)
    if refused:
        fail(f"{refused} of {len(wanted)} hosts were refused a ticket", Exit.REFUSED)


def _listed(file: Iterable[str] | None) -> list[str]:
    bare = (line.partition("#")[0].strip() for line in file or ())
    return [_host(line, f"line {number}: ") for number, line in enumerate(bare, 1) if line]


def _host(text: str, where: str = "") -> str:
    """As it stands, if it is a host's name: one that is not would have the whole batch refused."""
    try:
        parse_host_name(text)
    except InvalidName as invalid:
        raise click.UsageError(f"{where}{text!r}: {invalid}") from None
    return text


def _print(result: HostTicket | HostRefused) -> bool:
    """Whether it is a refusal."""
    match result:
        case HostTicket(host, ticket, replayed):
            line: dict[str, object] = {"host": host, "ticket": plain(ticket), "replayed": replayed}
        case HostRefused(host, refusal):
            told = {
                name: getattr(refusal, name) for name in ("code", "title", "advice", "id", "retry_after_s")
            }
            line = {"host": host, "refused": told}
    click.echo(json.dumps(line))
    return isinstance(result, HostRefused)
