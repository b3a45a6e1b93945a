"""What a running product says on standard error: lines for machines, each request one, with its id."""

import json
from typing import Any

import pytest

from tests.support.stack import HOST, OUTSIDE, Stack, until


@pytest.fixture
def lines(stack: Stack) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (stack.site.root / "serve.log").read_text().splitlines()]


def line_of(stack: Stack, issuance: str) -> dict[str, Any]:
    """The one line of the request whose answer has this id."""

    def found() -> list[dict[str, Any]]:
        text = (stack.site.root / "serve.log").read_text()
        lines = [json.loads(line) for line in text.splitlines() if issuance in line]
        return [line for line in lines if line["logger"] == "broker.access"]

    until(lambda: bool(found()), "the request's line")
    (line,) = found()
    return line


def test_a_ticket_leaves_one_line_that_says_what_it_was_and_how_long_each_stop_took(stack: Stack) -> None:
    with stack.client() as client:
        ticket = client.ticket(HOST)
    line = line_of(stack, ticket.issuance)
    assert {name: line[name] for name in ("ended", "template", "vcenter", "route", "status")} == {
        "ended": "issued",
        "template": "cim-ticket",
        "vcenter": "lab",
        "route": "/v1/tickets",
        "status": 200,
    }
    assert {"caller_limit", "find_host", "intent", "proof", "ticket", "outcome"} <= set(line["stops_ms"])
    assert ticket.session_id.reveal() not in json.dumps(line)


def test_a_refusal_leaves_one_line_with_its_true_reason(stack: Stack) -> None:
    line = line_of(stack, stack.refusal(OUTSIDE).id)
    assert (line["ended"], line["reason"], line["status"]) == ("refused", "host_unknown", 403)


def test_a_further_attempt_under_a_key_is_logged_under_the_issuance_of_the_first(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.access_token()}", "Idempotency-Key": "one"}
    answers = [stack.post("/v1/tickets", json={"host": HOST}, headers=headers).json() for _ in range(2)]
    assert len({answer["issuance"] for answer in answers}) == 1
    issuance = answers[0]["issuance"]

    def said() -> int:
        text = (stack.site.root / "serve.log").read_text()
        return sum('"ended": "issued"' in line for line in text.splitlines() if issuance in line)

    until(lambda: said() == 2, "a line for each attempt")


def test_each_host_of_a_batch_has_a_line_under_its_own_issuance(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.access_token()}"}
    answer = stack.post("/v1/tickets:batch", json={"hosts": [HOST, OUTSIDE]}, headers=headers)
    told = [json.loads(line) for line in answer.text.splitlines()]
    ids = [line["ticket"]["issuance"] if "ticket" in line else line["problem"]["id"] for line in told[:-1]]

    def said() -> dict[str, str]:
        text = (stack.site.root / "serve.log").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        return {line["issuance"]: line["ended"] for line in lines if line["event"] == "host of a batch"}

    until(lambda: set(ids) <= set(said()), "a line for each host")
    assert sorted(said()[issuance] for issuance in ids) == ["issued", "refused"]


def test_every_line_of_every_process_is_one_object(stack: Stack, lines: list[dict[str, Any]]) -> None:
    assert len(lines) > 10
    assert all(list(line)[:5] == ["timestamp", "level", "logger", "event", "pid"] for line in lines)
