"""What wrk and its script tell of a server that answers as they deserve."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

from tests.bench.labs import Target
from tests.bench.load import Load
from tests.bench.measurement import Measurement
from tests.support.certificates import self_signed
from tests.support.https import HttpsServer, Reply, Seen, https_server
from tests.support.tools import require_tool

ANSWER_S = 0.02
TARGETS = [Target("lab-0", "esx0001.lab.example", "host-1"), Target("lab-1", "esx0001.lab.example", "host-2")]
TICKET = Reply(200, b'{"session_id": "123"}')
REFUSAL = Reply(503, b'{"code": "vcenter_busy"}')


def slowly(seen: Seen) -> Reply:
    """Tickets, but of the second vCenter there are none."""
    sleep(ANSWER_S)
    return TICKET if json.loads(seen.body)["vcenter"] == "lab-0" else REFUSAL


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    require_tool("wrk")
    with https_server(tmp_path_factory.mktemp("server"), self_signed("localhost"), slowly) as running:
        yield running


def measured(server: HttpsServer, place: Path, targets: list[Target]) -> Measurement:
    load = Load(server.url, place)
    load.ask_for(targets)
    return load.measure("a-token", 2, 0.5, labs=[os.getpid()], broker=[os.getpid()])


def test_tickets_of_a_window_are_told_with_their_time(server: HttpsServer, tmp_path: Path) -> None:
    told = measured(server, tmp_path, TARGETS[:1]).answers
    assert told.failed == 0
    assert told.latency.p50 >= 1000 * ANSWER_S
    assert 0 < told.rate <= 2 / ANSWER_S
    assert 0 < told.tickets < len(server.seen)


def test_what_is_no_ticket_counts_as_failed_and_makes_the_measurement_void(
    server: HttpsServer, tmp_path: Path
) -> None:
    told = measured(server, tmp_path, TARGETS)
    assert told.answers.tickets > 0
    assert told.answers.failed > 0
    assert (
        told.void
        == f"{told.answers.failed} of {told.answers.tickets + told.answers.failed} answers were no tickets"
    )


def test_requests_carry_the_token_and_the_hosts_in_turn(server: HttpsServer, tmp_path: Path) -> None:
    measured(server, tmp_path, TARGETS)
    last = server.seen[-20:]
    assert {each.headers["Authorization"] for each in last} == {"Bearer a-token"}
    assert {json.loads(each.body)["vcenter"] for each in last} == {"lab-0", "lab-1"}
