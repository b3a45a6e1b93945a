"""POST /v1/tickets?dry_run=true, and queries that are nothing."""

import pytest

from tests.support.http_fakes import Desk
from tests.support.issuing import TICKET

BODY = {"host": "esx01.example.com"}


def test_a_dry_run_decides_and_takes_nothing(desk: Desk) -> None:
    answer = desk.ticket(BODY, query="?dry_run=true")

    assert answer.status_code == 200
    assert answer.get_json()["dry_run"] is True
    assert "session_id" not in answer.text
    assert "rehearse" in desk.world.trail
    assert not [step for step in desk.world.trail if step.startswith("acquire")]


def test_a_dry_run_takes_no_idempotency_key(desk: Desk) -> None:
    answer = desk.ticket(BODY, {"Idempotency-Key": "k"}, query="?dry_run=true")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert answer.get_json()["errors"] == [
        {"pointer": "Idempotency-Key", "problem": "does not go with dry_run=true"}
    ]
    assert desk.ticket(BODY, {"Idempotency-Key": "k"}, query="?dry_run=false").status_code == 200


def test_a_dry_run_that_is_false_is_a_request(desk: Desk) -> None:
    assert desk.ticket(BODY, query="?dry_run=false").get_json()["session_id"] == TICKET


@pytest.mark.parametrize(
    "query", ["?dry_run=1", "?dry_run=", "?dry_run=True", "?dry_run=true&dry_run=false", "?dryrun=true", "?x"]
)
def test_a_query_that_is_not_understood_is_refused_rather_than_ignored(desk: Desk, query: str) -> None:
    answer = desk.ticket(BODY, query=query)

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert desk.world.trail == []
