"""GET /v1/drift."""

from dataclasses import replace
from typing import Any

import pytest

from broker.model.applied import DriftKind
from broker.model.names import GrantId, VcenterId
from tests.support.http_fakes import AUDITOR, NAGIOS, OTHER, Desk
from tests.support.issuing import APPLIED, GRANT, drift

PATH = "/v1/drift"
ADMIN = (NAGIOS, "roles.read")
PROD = VcenterId("prod")


def drifted(desk: Desk) -> None:
    found = drift(DriftKind.WIDENED, "role 101 holds more", "CORP\\bob")
    less = drift(DriftKind.NARROWED, "role 101 lacks something")
    findings = (*found.findings, *less.findings)
    desk.world.grants_applied[GRANT.id] = replace(APPLIED, drift=replace(found, findings=findings))
    desk.world.heard_at[PROD] = desk.world.clock.now()


def test_what_was_found_is_told_with_who_did_it_and_until_when_that_is_known(desk: Desk) -> None:
    drifted(desk)
    answer = desk.get(PATH, *ADMIN)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json() == {
        "items": [
            {
                "grant": "nagios-dc1",
                "app": "nagios",
                "template": "cim-ticket",
                "vcenter": "prod",
                "standing": "drifted",
                "found_at": "2026-11-02T00:00:00.000Z",
                "applied_at": "2026-11-01T00:00:00.000Z",
                "findings": [
                    {"kind": "widened", "text": "role 101 holds more", "changed_by": "CORP\\bob"},
                    {"kind": "narrowed", "text": "role 101 lacks something", "changed_by": ""},
                ],
            }
        ],
        "next_cursor": None,
        "vcenters": [
            {"vcenter": "prod", "heard_at": "2026-11-23T12:00:00.000Z", "silent": False, "drifted": 1}
        ],
    }


def test_what_holds_is_not_told_and_a_controller_that_says_nothing_is(desk: Desk) -> None:
    assert desk.get(PATH, *ADMIN).get_json() == {
        "items": [],
        "next_cursor": None,
        "vcenters": [{"vcenter": "prod", "heard_at": None, "silent": True, "drifted": 0}],
    }


@pytest.mark.parametrize(("app", "scope"), [(OTHER, "tickets"), (NAGIOS, "tickets"), (AUDITOR, "audit.read")])
def test_whoever_may_not_read_roles_is_refused(desk: Desk, app: Any, scope: str) -> None:
    answer = desk.get(PATH, app, scope)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "insufficient_scope")


def test_pages_go_on_where_the_last_one_ended(desk: Desk) -> None:
    ids = [GrantId(f"g-{number}") for number in range(5)]
    desk.world.policy = replace(desk.world.policy, grants={each: replace(GRANT, id=each) for each in ids})
    desk.world.grants_applied = {each: replace(APPLIED, grant=each, drift=drift()) for each in ids}
    seen: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = desk.get(PATH + query, *ADMIN).get_json()
        seen.append([item["grant"] for item in page["items"]])
        assert page["vcenters"][0]["drifted"] == 5
        cursor = page["next_cursor"]
    assert seen == [["g-0", "g-1"], ["g-2", "g-3"], ["g-4"]]


@pytest.mark.parametrize("query", ["limit=0", "cursor=NO", "cursor=a&cursor=b", "grant=x"])
def test_a_query_outside_its_grammar_is_refused_on_record(desk: Desk, query: str) -> None:
    assert desk.get(f"{PATH}?{query}", *ADMIN).get_json()["code"] == "invalid_request"
    assert [(app, reason, where) for app, reason, where, _ in desk.access.refused] == [
        (NAGIOS, "invalid_request", PATH)
    ]
