"""`broker audit find-ticket`: which issuance a ticket was, by its keyed fingerprint."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from broker.audit.desk import RecordingDesk
from broker.audit.fingerprint import TicketFingerprints
from broker.cli.audit.showing import heading, record_lines, record_rows
from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.cli.output import fail, format_option
from broker.cli.places import StorePlace, config_option, opened_store, store_option
from broker.console import Format
from broker.model.search import parse_filter
from broker.model.secret import Secret
from broker.policy.load import load_server
from broker.ports.auditing import Operator
from broker.secrets import read_secret

_MOST = 4096


@click.command("find-ticket", short_help="Say which issuance a ticket was.")
@click.option("--since", help="Look at records from this time on: RFC 3339, or a date in UTC.")
@click.option("--until", help="Look at records before this time.")
@config_option
@store_option
@format_option
def command(
    since: str | None, until: str | None, directory: Path, store: StorePlace, output_format: str
) -> None:
    """Read a ticket from standard input and show the record that carries its fingerprint.

    On a terminal it is asked for and not shown. Fingerprints of `fingerprint_key` and of all
    `old_fingerprint_keys` in server.yaml are tried. Exit 1 where no record has one of them.
    """
    told = {"since": since, "until": until}
    wanted = parse_filter({name: text for name, text in told.items() if text is not None})
    settings = load_server(directory)
    keys = (settings.fingerprint_key, *settings.old_fingerprint_keys)
    makers = [TicketFingerprints(read_secret(key)) for key in keys]
    ticket = _ticket()
    fingerprints = [maker.of_ticket(ticket)[0] for maker in makers]
    with opened_store(directory, store) as database:
        found = RecordingDesk(database).find_ticket(fingerprints, wanted, Operator(operator()))
    _show(found, output_format, len(makers))


def _ticket() -> Secret:
    """The one line on standard input, never an argument: those can be read by every user of the machine."""
    if sys.stdin.isatty():
        return Secret(click.prompt("Ticket", hide_input=True, err=True).strip())
    text = sys.stdin.read(_MOST + 1).strip()
    if not 0 < len(text) <= _MOST or len(text.splitlines()) > 1:
        raise click.UsageError("standard input is to have one ticket and nothing else")
    return Secret(text)


def _show(found: tuple[Mapping[str, object], ...], output_format: str, keys: int) -> None:
    if not found:
        fail(f"no record has a fingerprint of this ticket, under any of {keys} keys", Exit.FAILED)
    if output_format == Format.JSON:
        record_lines(found)
    else:
        heading()
        record_rows(found)
