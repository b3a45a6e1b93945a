"""Two workers, each with metrics of its own."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from broker.demo.processes import free_port
from tests.support.redis_server import RedisServer
from tests.support.scraping import MeasuredStack
from tests.support.stack import HOST, applied_stack, until, workers_of
from tests.support.working import Workers, serving


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[tuple[Workers, MeasuredStack]]:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis, applied_stack(tmp_path) as stack:
        port = free_port()
        stack.edit("server.yaml", lambda file: file.update(metrics={"port": port}))
        yield serving(stack, 2, redis), MeasuredStack(stack, port)


def starts(measured: MeasuredStack) -> list[float]:
    """When the process on each port began; fewer while one has no port yet."""
    found = []
    for port in (measured.port, measured.port + 1):
        with suppress(requests.ConnectionError):
            found.append(measured.scrape(port).value("process_start_time_seconds"))
    return found


def test_each_worker_shows_its_own_numbers_and_one_that_takes_its_place_shows_them_there(
    measured: tuple[Workers, MeasuredStack],
) -> None:
    workers, metrics = measured
    until(lambda: len(starts(metrics)) == 2, "both workers' metrics")
    token = metrics.stack.access_token()
    with workers.each() as lines:
        assert [line.post("/v1/tickets", token, {"host": HOST}).status for line in lines] == [200, 200]
    for port in (metrics.port, metrics.port + 1):
        issued = {"ended": "issued", "template": "cim-ticket", "vcenter": "lab", "reason": "none"}
        assert metrics.scrape(port).value("broker_ticket_requests_total", **issued) == 1

    before = starts(metrics)
    os.kill(workers_of(workers.process)[0], signal.SIGKILL)
    until(lambda: len(starts(metrics)) == 2 and starts(metrics) != before, "the next worker's metrics")
    assert len(set(before) & set(starts(metrics))) == 1
