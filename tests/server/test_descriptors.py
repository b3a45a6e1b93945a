"""Peers that only connect, beyond what the process can hold."""

import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from broker.server.descriptors import connections, raised_limit
from tests.support.http_server import Running, server, wait_for

PAUSED = "accepting no connection for"
FLOOD = 60


def test_connections_beyond_the_descriptors_neither_end_the_worker_nor_its_service(tmp_path: Path) -> None:
    with server(tmp_path, descriptors=24) as running:
        assert running.call("GET", "/healthz")[0] == 200
        with ExitStack() as flood:
            begun = time.monotonic()
            _flood(flood, running)
            wait_for(lambda: PAUSED in running.log(), "the worker to run out of descriptors")
            assert running.log().count(PAUSED) <= 2 * (time.monotonic() - begun) + 1, "a busy loop"

        assert running.call("GET", "/healthz") == (200, '{"status":"ok"}')
        assert len(running.events()) == 1, "the worker was replaced"


def test_a_worker_that_ran_out_of_descriptors_still_ends_when_it_is_told(tmp_path: Path) -> None:
    with server(tmp_path, descriptors=24) as running, ExitStack() as flood:
        assert running.call("GET", "/healthz")[0] == 200
        _flood(flood, running)
        wait_for(lambda: PAUSED in running.log(), "the worker to run out of descriptors")

    assert [event.partition(":")[0] for event in running.events()] == ["build", "closing", "close"]


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
        assert raised_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("descriptors", "held"),
    [(1024, 768), (1256, 1000), (100_000, 1000), (resource.RLIM_INFINITY, 1000), (300, 44), (64, 20)],
)
def test_a_part_of_the_descriptors_is_no_connections(descriptors: int, held: int) -> None:
    assert connections(descriptors, threads=4) == held


def _flood(flood: ExitStack, running: Running) -> None:
    for _ in range(FLOOD):
        flood.enter_context(socket.create_connection(tuple(running.address[:2]), timeout=20))
