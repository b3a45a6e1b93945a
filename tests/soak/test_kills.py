"""`broker serve` is killed again and again while apps ask for tickets: what stands in the log then."""

import random
import time

import pytest

from tests.support import invariants
from tests.support.stack import Stack, kill_all
from tests.support.witness import Witness

KILLS = 20
APPS = 4
MINT = "AcquireCimServicesTicket"

pytestmark = pytest.mark.soak


@pytest.mark.timeout(600)
def test_kills_during_ticket_calls_leave_no_ticket_off_the_record(fresh: Stack) -> None:
    moments = random.Random(20)
    fresh.lab.control.set_latency(MINT, 0.1)
    with Witness(fresh) as witness:
        with witness.asking(APPS):
            for _ in range(KILLS):
                process = fresh.serve()
                fresh.ready()
                time.sleep(moments.uniform(0.0, 0.6))  # any moment of several ticket calls
                kill_all(process)
        assert len(witness.delivered()) > KILLS
        assert invariants.close_orphans(fresh.store) > 0
        invariants.check(witness)
