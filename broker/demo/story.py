"""What the demonstration shows: a ticket, sensors, the record and its receipt, two refusals."""

import json
from dataclasses import dataclass

import click

from broker.audit.keys import LogKeys
from broker.audit.reading import AuditReading
from broker.client.api import BrokerClient, TicketAnswer
from broker.client.cim import cim_connection, sensors
from broker.client.errors import BrokerRefused, CimFailed
from broker.client.memory import memory_of
from broker.client.tokens import KeyCredential
from broker.client.witness import Witness
from broker.clock import SystemClock
from broker.console import show
from broker.demo.files import APP, Site
from broker.demo.processes import DemoFailed, run, run_file
from broker.lab.control.client import LabControl
from broker.model.names import parse_issuance_id
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from broker.store.database import Database
from broker.tlog.note import verifier_key

HOST = "esx0001.lab.example"
OTHER_HOST = "esx0004.lab.example"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The monitoring app of the demonstration."""

    site: Site

    def ticket(self, host: str) -> TicketAnswer:
        """Authenticate with the private key and ask for one ticket. Raises ClientError."""
        site = self.site
        credential = KeyCredential(APP, read_secret(SecretFile(site.app_key)), "demo-1")
        with BrokerClient(site.url, site.broker_ca, credential, witness=_witness(site)) as client:
            return client.ticket(host)


def _witness(site: Site) -> Witness:
    key = verifier_key(site.log_key_text())
    return Witness(memory_of(site.log_state, site.url), SystemClock(), (key,), site.receipts)


def tell(site: Site, control: LabControl) -> None:
    """Run the story. Raises DemoFailed where the product does not do what it says."""
    app = Monitoring(site)
    heading("The app authenticates with its private key and asks for a ticket")
    ticket = app.ticket(HOST)
    left = (ticket.expires_at - SystemClock().now()).total_seconds()
    click.echo(f"ticket *** for {ticket.host} at {ticket.url}, taken as {ticket.account}, {left:.0f} s left")
    heading("It reads the sensors: the ticket is user and password, the host's certificate is pinned")
    _show_sensors(ticket)
    heading("What the log says of it")
    _show_records(site, ticket.issuance)
    heading("Its receipt was verified: whoever takes the record back now is found out")
    _show_receipt(site, ticket)
    heading("Refused: a host outside the grant")
    _expect_refusal(app)
    heading("Refused: the same ticket, two minutes later by the lab's clock")
    _expect_dead_ticket(ticket, control)
    heading("An auditor checks the log, while it runs, against what the app kept of it")
    _audit(site)


def heading(text: str) -> None:
    """Say what comes next."""
    click.echo(f"\n== {text}")


def _show_sensors(ticket: TicketAnswer) -> None:
    with cim_connection(ticket, ticket.host) as connection:
        found = sensors(connection)
    rows = [(s.name, s.type, s.state if s.reading is None else s.reading, s.unit, s.health) for s in found]
    if not rows:
        raise DemoFailed("the host shows no sensor")
    show("table", ("sensor", "type", "reading", "unit", "health"), rows)


def _show_records(site: Site, issuance: str) -> None:
    database = Database.open(site.root / "state" / "broker.db", SystemClock(), LogKeys(site.log_keys))
    try:
        records = AuditReading(database).of_issuance(parse_issuance_id(issuance))
    finally:
        database.close()
    if [record["event"] for record in records] != ["ticket_intent", "ticket_issued"]:
        raise DemoFailed(f"the log does not hold intent and issuance of {issuance}")
    for record in records:
        click.echo(json.dumps(record, indent=2, sort_keys=True))


def _show_receipt(site: Site, ticket: TicketAnswer) -> None:
    known = memory_of(site.log_state, site.url).known()
    if known is None or known.newest.head.size <= ticket.receipt.index:
        raise DemoFailed("the monitoring app does not remember the log that holds its ticket's record")
    click.echo(f"record {ticket.receipt.index}, SHA-256 {ticket.receipt.leaf_hash.hex()}")
    click.echo(f"public key of the log, as an admin handed it over: {site.log_key_text()}")
    click.echo(f"newest checkpoint, as the app keeps it:\n{known.newest.note}", nl=False)


def _audit(site: Site) -> None:
    """By the broker's own verifier, and by the one that goes with an export and shares no code with it."""
    kept = (
        "--receipts",
        str(site.receipts),
        "--against",
        str(memory_of(site.log_state, site.url).checkpoint),
    )
    trusted = ("--key", site.log_key_text(), *kept)
    click.echo(run("audit", "verify", "--config", str(site.config), *trusted), nl=False)
    export = site.root / "export"
    run("audit", "export", str(export), "--config", str(site.config))
    heading("The same of an export, by the one file of Python that goes with it")
    click.echo(run_file(export / "verify.py", str(export), *trusted), nl=False)


def _expect_refusal(app: Monitoring) -> None:
    try:
        app.ticket(OTHER_HOST)
    except BrokerRefused as refused:
        click.echo(f"{refused.status} {refused.code}: {refused.title} (id {refused.id})")
        return
    raise DemoFailed(f"a ticket for {OTHER_HOST} was given, and no grant covers it")


def _expect_dead_ticket(ticket: TicketAnswer, control: LabControl) -> None:
    control.advance_clock(121)
    try:
        with cim_connection(ticket, ticket.host) as connection:
            sensors(connection)
    except CimFailed as failed:
        click.echo(str(failed))
        return
    raise DemoFailed("the host took a ticket that was over")
