"""Floods of requests that are refused: the log stays small, nothing breaks, and others are served."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.stack import HOST, OUTSIDE, Stack, until
from tests.support.tools import require_tool

FLOOD_S = 30
BUDGET = {"count": 20, "seconds": 10}
SUMMED = ("refusals_suppressed", "refusals_aggregated")
CYCLES = FLOOD_S // BUDGET["seconds"] + 1
"""How often a source's budget can be full again while the flood lasts, and once when it begins."""

pytestmark = pytest.mark.soak


@pytest.fixture
def served(fresh: Stack) -> Stack:
    fresh.edit("server.yaml", lambda server: server.update(recorded_refusals=BUDGET))
    fresh.serve()
    fresh.ready()
    return fresh


def flood(stack: Stack, token: str) -> "subprocess.Popen[str]":
    """Ask for a host outside the grant on 16 connections, as fast as it goes.

    wrk verifies no certificate; what it sends is worth nothing beyond this test's own broker.
    """
    script = Path(__file__).with_name("count.lua")
    return subprocess.Popen(
        [
            str(require_tool("wrk")),
            *("--threads", "1", "--connections", "16", "--duration", f"{FLOOD_S}s"),
            *("--timeout", "20s", "--script", str(script), f"{stack.site.url}/v1/tickets"),
        ],
        env={**os.environ, "FLOOD_TOKEN": token, "FLOOD_BODY": json.dumps({"host": OUTSIDE})},
        stdout=subprocess.PIPE,
        text=True,
    )


def answers_of(flooding: "subprocess.Popen[str]") -> dict[str, int]:
    """How many answers of each status there were; `broken` counts connections, `other` what must not be."""
    told, _ = flooding.communicate(timeout=FLOOD_S + 30)
    counted: dict[str, int] = json.loads(told.splitlines()[-1])
    return counted


def assert_bounded(stack: Stack, answers: dict[str, int], recorded_as: str) -> None:
    assert (answers["other"], answers["broken"]) == (0, 0)
    events = stack.events()
    recorded, summed = events.count(recorded_as), sum(events.count(each) for each in SUMMED)
    assert BUDGET["count"] <= recorded <= BUDGET["count"] * CYCLES
    assert summed <= 2 * CYCLES
    assert answers["429"] > 20 * recorded


def assert_accounted(stack: Stack, answers: dict[str, int], status: str, recorded_as: str) -> None:
    """Each refusal stands in the log: by itself, or in a sum."""

    def counted() -> int:
        return sum(r["fields"]["count"] for r in stack.records() if r["event"] == "refusals_aggregated")

    until(
        lambda: counted() + stack.events().count(recorded_as) >= answers["429"] + answers[status], "the sums"
    )


def test_a_flood_of_an_apps_refusals_leaves_a_short_log_and_a_working_service(served: Stack) -> None:
    flooding = flood(served, served.access_token())
    with served.client() as client:
        during = [client.ticket(HOST).host for _ in range(5)]
    assert flooding.poll() is None
    answers = answers_of(flooding)
    assert during == [HOST] * 5
    assert_bounded(served, answers, "request_refused")
    assert_accounted(served, answers, "403", "request_refused")
    with served.client() as client:
        assert client.ticket(HOST).host == HOST


def test_a_flood_of_bad_tokens_leaves_a_short_log_and_keeps_nobody_out(served: Stack) -> None:
    flooding = flood(served, served.access_token()[:-8] + "AAAAAAAA")
    with served.client() as client:
        during = [client.ticket(HOST).host for _ in range(5)]
    assert flooding.poll() is None
    answers = answers_of(flooding)
    assert during == [HOST] * 5
    assert_bounded(served, answers, "access_refused")
    assert served.get("/readyz").ok
