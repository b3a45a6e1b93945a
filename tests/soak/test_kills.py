"""`broker serve` is killed again and again while apps ask for tickets: what stands in the log then."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.audit.orphans import OrphanRule
from broker.client.errors import ClientError
from broker.store.database import Database
from tests.support.clock import HandClock
from tests.support.stack import HOST, Stack, kill_all

KILLS = 40
APPS = 4
MINT = "AcquireCimServicesTicket"
ENDS = ("ticket_issued", "ticket_refused", "ticket_failed", "ticket_unknown")

pytestmark = pytest.mark.soak


class Askers:
    """Threads that ask for tickets until they are told to stop, whatever happens to the broker."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(APPS)]
        self.delivered: list[str] = []

    @contextmanager
    def asking(self) -> Iterator[None]:
        for each in self._threads:
            each.start()
        try:
            yield
        finally:
            self._over.set()
            for each in self._threads:
                each.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            with suppress(ClientError), self._stack.client() as client:
                while not self._over.is_set():
                    self.delivered.append(client.ticket(HOST).issuance)
            self._over.wait(0.05)


@pytest.mark.timeout(240)
def test_kills_during_ticket_calls_leave_no_ticket_off_the_record(fresh: Stack) -> None:
    moments = random.Random(20)
    fresh.lab.control.set_latency(MINT, 0.1)
    askers = Askers(fresh)
    with askers.asking():
        for _ in range(KILLS):
            process = fresh.serve()
            fresh.ready()
            time.sleep(moments.uniform(0.0, 0.6))  # any moment of several ticket calls
            kill_all(process)
            # nobody is alive who could still write what was delivered
            assert set(askers.delivered) <= of_event(fresh.records(), "ticket_issued")
    assert len(askers.delivered) > KILLS
    left = Counter(attempts(fresh.records(), "ticket_intent"))
    left.subtract(attempts(fresh.records(), *ENDS))
    assert closed_later(fresh) == sum(left.values()) > 0
    check(fresh.records(), fresh.lab.control.tickets_minted())


def check(records: list[dict[str, Any]], minted: int) -> None:
    assert [r["seq"] for r in records] == list(range(len(records)))
    intents, ends = Counter(attempts(records, "ticket_intent")), Counter(attempts(records, *ENDS))
    assert set(intents.values()) == {1}
    assert intents == ends
    exposed = len(attempts(records, "ticket_issued", "ticket_unknown"))
    assert minted <= exposed


def attempts(records: list[dict[str, Any]], *events: str) -> list[tuple[str, int]]:
    return [(r["fields"]["issuance"], r["fields"]["attempt"]) for r in records if r["event"] in events]


def of_event(records: list[dict[str, Any]], event: str) -> set[str]:
    return {issuance for issuance, _ in attempts(records, event)}


def closed_later(stack: Stack) -> int:
    """What the orphan rule closes in a process that runs ten minutes from now."""
    database = Database.open(stack.store, HandClock(datetime.now(UTC) + timedelta(minutes=10)))
    try:
        return OrphanRule(database, grace_s=30).run()
    finally:
        database.close()
