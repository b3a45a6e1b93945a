"""An app that asks for more than its lane has room for: the rest is refused, and nobody else is."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.errors import Reason
from tests.support.http_fakes import NAGIOS, Desk
from tests.support.http_server import Running, server, wait_for

THREADS = 2
ROOM = 8 * THREADS
BODY = '{"host": "esx01.example.com"}'


@pytest.fixture(params=[False, True], ids=["tls", "unix"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with server(tmp_path, unix=request.param, threads=THREADS, holds=True) as running:
        yield running


def test_what_finds_its_lane_full_is_refused_at_once_and_the_rest_is_served_in_the_end(
    running: Running,
) -> None:
    known = {"Authorization": f"Bearer {running.token()}"}
    assert running.call("GET", "/v1/hosts", **known)[0] == 200, "from now on it is known whose token it is"

    with ThreadPoolExecutor(2 * ROOM) as pool:
        asked = [pool.submit(ask, running, known) for _ in range(2 * ROOM)]
        wait_for(lambda: any(each.done() for each in asked), "a refusal")
        refused = [each for each in asked if each.done()]
        assert running.call("GET", "/healthz")[0] == 200
        (running.folder / "go").touch()
        answers = {each: each.result(20) for each in asked}
    for each in refused:
        assert answers[each] == (503, "broker_busy", "1")
    served = [status for status, _, _ in answers.values() if status != 503]
    assert len(served) >= ROOM
    assert set(served) == {200, 429}, "issued, or beyond the host's budget"
    assert running.call("GET", "/v1/hosts", **known)[0] == 200


def ask(running: Running, known: dict[str, str]) -> tuple[int, str, str | None]:
    """One ticket: status, code, Retry-After."""
    client = running.http()
    try:
        client.request("POST", "/v1/tickets", BODY, {"Content-Type": "application/json", **known})
        answer = client.getresponse()
        code = json.loads(answer.read()).get("code", "")
        return answer.status, code, answer.headers["Retry-After"]
    finally:
        client.close()


def test_a_request_without_room_is_refused_on_record_where_somebody_is_authenticated(desk: Desk) -> None:
    bearer = desk.bearer()
    desk.access.without_room = lambda: True
    answer = desk.client.get("/v1/hosts", headers=bearer)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert desk.access.refused == [(NAGIOS, Reason.BROKER_BUSY, "/v1/hosts", answer.get_json()["id"])]


def test_a_flood_of_requests_without_room_is_not_recorded_one_by_one(desk: Desk) -> None:
    bearer = desk.bearer()
    desk.access.without_room = lambda: True
    desk.access.refusals_left = 1
    answers = [desk.client.get("/v1/hosts", headers=bearer).status_code for _ in range(3)]
    assert answers == [503, 429, 429]


def test_nothing_stands_on_record_where_nobody_is_authenticated(desk: Desk) -> None:
    desk.access.without_room = lambda: True
    assert [desk.client.get("/healthz").status_code, desk.ask_token().status_code] == [503, 503]
    assert desk.access.refused == []
