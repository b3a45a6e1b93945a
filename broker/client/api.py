"""The broker as an app calls it."""

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, Self, overload

from broker.client.answers import DryRunAnswer, Page, TicketAnswer, read_dry_run, read_page, read_ticket
from broker.client.batches import BatchReader, HostRefused, HostTicket
from broker.client.http import BrokerHttp
from broker.client.log import ShownLog
from broker.client.tokens import ClientCredential
from broker.client.witness import NoWitness, Witness
from broker.clock import SystemClock
from broker.model.names import parse_issuance_id
from broker.ports.clock import Clock

__all__ = ["BrokerClient", "DryRunAnswer", "HostRefused", "HostTicket", "Page", "TicketAnswer"]


class BrokerClient:
    """Tickets, hosts and issuances of one app. Use it in one thread, in a `with`.

    `ca_file` is what the broker's certificate is verified against: a CA, or the certificate
    itself. `issuer` is the broker's own name where it is not the URL that it is called by, and
    `scope` what its access tokens are asked for. `witness` verifies the receipt of every ticket before
    the ticket is given; without one, receipts are only handed over with their tickets.
    Nothing is ever sent twice by itself: a ticket call whose answer was lost may have made a
    ticket, so asking again is the caller's decision (with the same idempotency key).

    Every call raises BrokerUnreachable, BrokerRefused or BadAnswer; those for tickets ReceiptRefused as
    well, and whatever the witness raises.
    """

    def __init__(
        self,
        base_url: str,
        ca_file: Path,
        credential: ClientCredential,
        clock: Clock | None = None,
        issuer: str | None = None,
        scope: str = "tickets",
        witness: Witness | None = None,
    ) -> None:
        self._witness = witness or NoWitness()
        self._clock = clock or SystemClock()
        self._http = BrokerHttp(base_url, ca_file, credential, self._clock, issuer or base_url, scope)
        self._log = ShownLog(self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and forget the access token."""
        self._http.close()

    @overload
    def ticket(
        self,
        host: str,
        grant: str | None = ...,
        vcenter: str | None = ...,
        *,
        dry_run: Literal[False] = ...,
        idempotency_key: str | None = ...,
    ) -> TicketAnswer: ...

    @overload
    def ticket(
        self,
        host: str,
        grant: str | None = ...,
        vcenter: str | None = ...,
        *,
        dry_run: bool,
        idempotency_key: str | None = ...,
    ) -> TicketAnswer | DryRunAnswer: ...

    def ticket(
        self,
        host: str,
        grant: str | None = None,
        vcenter: str | None = None,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> TicketAnswer | DryRunAnswer:
        """One ticket for one host; with `dry_run` only the decision, on record, and no ticket."""
        names = {"host": host, "grant": grant, "vcenter": vcenter}
        body = {key: value for key, value in names.items() if value is not None}
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        if dry_run:
            return read_dry_run(self._http.post("/v1/tickets?dry_run=true", body, headers))
        watch = self._witness.asking(self._log)
        asked_at = self._clock.now()
        ticket = read_ticket(self._http.post("/v1/tickets", body, headers), asked_at)
        watch.take(ticket.receipt, ticket.issuance)
        watch.end()
        return ticket

    def tickets(
        self,
        hosts: Sequence[str],
        grant: str | None = None,
        vcenter: str | None = None,
        *,
        concurrency: int | None = None,
        idempotency_key: str | None = None,
    ) -> Generator[HostTicket | HostRefused, None, None]:
        """One ticket for each of many hosts, or why not, each as soon as the broker has it.

        Read on: the broker takes no ticket while 16 are not read, since they die in two minutes. An
        iterator that is closed before its end makes it stop. `idempotency_key` counts for each host.
        Raises BatchEnded too, and BrokerUnreachable where the answer was cut.
        """
        names = {"grant": grant, "vcenter": vcenter, "concurrency": concurrency}
        given = {key: value for key, value in names.items() if value is not None}
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        watch = self._witness.asking(self._log)
        asked_at = self._clock.now()
        lines = self._http.post_for_lines("/v1/tickets:batch", {"hosts": list(hosts), **given}, headers)
        with closing(lines):
            for result in BatchReader(hosts, asked_at, self._clock).results(lines):
                if isinstance(result, HostTicket):
                    watch.take(result.ticket.receipt, result.ticket.issuance)
                yield result
        watch.end()

    def hosts(self, cursor: str | None = None) -> Page:
        """The hosts that this app may have tickets for, with their readiness."""
        return read_page(self._http.get("/v1/hosts", cursor))

    def issuances(self, cursor: str | None = None) -> Page:
        """This app's issuances, newest first."""
        return read_page(self._http.get("/v1/issuances", cursor))

    def issuance(self, issuance: str) -> dict[str, object]:
        """One issuance of this app. Raises InvalidName for what is no id of the broker's."""
        return self._http.get(f"/v1/issuances/{parse_issuance_id(issuance)}", None)
