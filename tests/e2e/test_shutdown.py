"""`broker serve` is told to end while vCenter makes a ticket."""

import signal
import threading

from broker.client.answers import TicketAnswer
from tests.support.stack import HOST, Stack, end, until

MINT = "AcquireCimServicesTicket"


def test_a_ticket_that_is_on_its_way_at_sigterm_is_delivered_and_on_record(fresh: Stack) -> None:
    process = fresh.serve()
    fresh.ready()
    fresh.lab.control.set_latency(MINT, 2)
    delivered: list[TicketAnswer] = []

    def ask() -> None:
        with fresh.client() as client:
            delivered.append(client.ticket(HOST))

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: "ticket_intent" in fresh.events(), "the intent")
    assert "ticket_issued" not in fresh.events()
    assert end(process, signal.SIGTERM) == 0
    asking.join()
    (ticket,) = delivered
    issued = [r["fields"]["issuance"] for r in fresh.records() if r["event"] == "ticket_issued"]
    assert issued == [ticket.issuance]
    assert fresh.events()[-1] == "process_stopped"
    assert not any("svc-cim-a" in session["user"] for session in fresh.lab.control.sessions())
