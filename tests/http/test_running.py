"""Waiting for requests that still run before what they work with is taken away."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from unittest.mock import Mock

import pytest

from broker.clock import SystemClock
from broker.server.arbiter import Farewell
from broker.server.running import LONG_ONES_S, RunningRequests
from broker.wiring import _Running
from tests.support.clock import HandClock
from tests.support.http_fakes import Desk


def test_a_request_that_runs_is_waited_for_and_no_longer(desk: Desk) -> None:
    running, inside, go = RunningRequests(SystemClock()), Event(), Event()

    def hold() -> None:
        inside.set()
        assert go.wait(20)

    desk.world.after_intent = hold
    headers = desk.bearer()
    desk.app.wsgi_app = running.counted(desk.app.wsgi_app)  # type: ignore[assignment, method-assign]
    assert running.ended(within_s=0)
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(
            desk.client.post,
            "/v1/tickets",
            json={"host": "esx01.example.com"},
            headers=headers,
            buffered=True,
        )
        assert inside.wait(20)
        assert not running.ended(within_s=0.05)

        waiting = pool.submit(running.ended, 20)
        go.set()

        assert waiting.result(20)
        assert answer.result(20).status_code == 200


def test_a_batch_goes_on_for_a_while_after_its_process_was_told_to_end() -> None:
    clock = HandClock()
    running = RunningRequests(clock)
    clock.advance(100)
    assert not running.leaving()
    running.leave()
    clock.advance(LONG_ONES_S - 1)
    running.leave()
    assert not running.leaving()
    clock.advance(1)
    assert running.leaving()


def test_a_batch_has_ended_before_its_process_waits_no_longer() -> None:
    assert Farewell().requests_s > LONG_ONES_S


def test_a_request_that_fails_runs_no_longer() -> None:
    running = RunningRequests(SystemClock())

    def fails(_environ: object, _start: object) -> list[bytes]:
        raise RuntimeError("as the test says")

    with pytest.raises(RuntimeError):
        running.counted(fails)({}, None)

    assert running.ended(within_s=0)


def test_a_request_runs_until_its_answer_is_closed() -> None:
    running, trail = RunningRequests(SystemClock()), []

    def streams(_environ: object, _start: object) -> Iterator[bytes]:
        try:
            yield b"one"
        finally:
            trail.append("closed")

    answer: Any = running.counted(streams)({}, None)
    assert not running.ended(within_s=0)
    assert next(iter(answer)) == b"one"
    assert not running.ended(within_s=0)

    answer.close()

    assert running.ended(within_s=0)
    assert trail == ["closed"]


def test_a_request_whose_answer_cannot_be_closed_runs_no_longer() -> None:
    running, parts = RunningRequests(SystemClock()), Mock()
    parts.close.side_effect = RuntimeError("as the test says")

    with pytest.raises(RuntimeError):
        running.counted(lambda _environ, _start: parts)({}, None).close()  # type: ignore[attr-defined]

    assert running.ended(within_s=0)


def test_an_outcome_is_put_on_record_before_the_store_is_closed() -> None:
    """The call that a request waits for is ended by `vsphere.close`; what it writes then takes a moment."""
    trail: list[str] = []
    inside, ended = Event(), Event()
    requests = RunningRequests(SystemClock())

    def app(_environ: object, _start: object) -> list[bytes]:
        inside.set()
        assert ended.wait(20)
        time.sleep(0.2)
        trail.append("outcome")
        return []

    rooms = Mock()
    rooms.vsphere.close.side_effect = ended.set
    rooms.database.close.side_effect = lambda: trail.append("store closed")
    parts = ("database", "keeping", "vsphere", "follower", "beat", "housekeeping", "watch")
    running = _Running(**{part: getattr(rooms, part) for part in parts}, requests=requests, exposition=None)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: requests.counted(app)({}, None).close())  # type: ignore[attr-defined]
        assert inside.wait(20)
        running.close()

    assert trail == ["outcome", "store closed"]
