"""`broker roles explain` as an operator types it, beside a broker that serves."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from broker.cli.exits import Exit
from broker.demo.files import APP, GRANT
from tests.support.stack import HOST, OUTSIDE, Stack, applied_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with applied_stack(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        running.ready()
        yield running


def explain(stack: Stack, *arguments: str) -> tuple[int, str]:
    file = str(stack.site.controller_file)
    done = stack.broker("roles", "explain", *arguments, "--config", file, check=False)
    return done.returncode, done.stdout


def told(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, text = explain(stack, *arguments, "--format", "json")
    return code, json.loads(text)


def test_a_host_that_gets_tickets_is_explained_as_such(stack: Stack) -> None:
    code, answer = told(stack, HOST, "--app", APP)
    assert (code, answer["explanation"]["verdict"]["grant"]) == (Exit.DONE, GRANT)
    assert not any(
        "broker serve` runs" in note or "reload" in note for note in answer["explanation"]["notes"]
    )
    said = explain(stack, HOST, "--app", APP)[1]
    assert said.startswith(f"{APP} for {HOST}: a ticket, under grant {GRANT}")


def test_a_refusal_of_the_past_is_explained_with_what_would_become_of_it_today(stack: Stack) -> None:
    past = stack.refusal(OUTSIDE)
    assert past.code == "not_granted"
    code, answer = told(stack, "--issuance", past.id)
    assert code == Exit.REFUSED
    assert (answer["issuance"]["host"], answer["issuance"]["app"]) == (OUTSIDE, APP)
    assert answer["issuance"]["reason"] == answer["explanation"]["verdict"]["reason"] == "host_unknown"
    assert answer["issuance"]["policy_revision"] == answer["explanation"]["policy_revision"]
    said = explain(stack, "--issuance", past.id)[1]
    assert "today, by the same policy:" in said


def test_what_was_in_the_way_then_and_is_no_more_shows(stack: Stack) -> None:
    stack.lab.control.set_wbem(HOST, running=False)
    stack.lab.control.disconnect_host(HOST)
    try:
        past = stack.refusal(HOST)
    finally:
        stack.lab.control.reconnect_host(HOST)
        stack.lab.control.set_wbem(HOST, running=True)
    code, answer = told(stack, "--issuance", past.id)
    assert (code, answer["issuance"]["reason"]) == (Exit.DONE, past.code)
    assert answer["explanation"]["verdict"]["reason"] is None


def test_an_id_that_is_on_no_record_is_said_to_be_so(stack: Stack) -> None:
    nobodys = "01932e3e-0000-7000-8000-000000000001"
    assert explain(stack, "--issuance", nobodys)[0] == Exit.FAILED


@pytest.mark.parametrize(
    "arguments",
    [(), (HOST,), ("--app", APP), (HOST, "--app", "NO"), (HOST, "--issuance", "x"), ("--issuance", "x")],
)
def test_half_a_question_is_a_mistake(stack: Stack, arguments: tuple[str, ...]) -> None:
    assert explain(stack, *arguments)[0] == Exit.USAGE
