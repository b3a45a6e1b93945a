"""GET /v1/issuances and /v1/issuances/{id}."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.ids import new_issuance_id
from broker.model.issuance import IssuanceState
from broker.model.names import AppId, GrantId, HostName, VcenterId, parse_issuance_id
from broker.ports.access import IssuanceView
from tests.support.clock import HandClock
from tests.support.http_fakes import AUDITOR, NAGIOS, OTHER, Desk

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def view(app: AppId, state: IssuanceState = IssuanceState.ISSUED, reason: str | None = None) -> IssuanceView:
    return IssuanceView(
        issuance=new_issuance_id(HandClock()),
        app=app,
        state=state,
        reason=reason,
        host=HostName("esx01.example.com"),
        vcenter=VcenterId("prod"),
        grant=GrantId("nagios-dc1"),
        attempts=1,
        at=AT,
        exposure_until=AT + timedelta(seconds=120),
    )


def test_an_issuance_is_told_without_its_ticket(desk: Desk) -> None:
    mine = view(NAGIOS)
    desk.access.views = [mine]

    assert desk.get(f"/v1/issuances/{mine.issuance}").get_json() == {
        "issuance": mine.issuance,
        "app": "nagios",
        "state": "issued",
        "reason": None,
        "host": "esx01.example.com",
        "vcenter": "prod",
        "grant": "nagios-dc1",
        "attempts": 1,
        "at": "2026-11-23T12:00:00.000Z",
        "exposure_until": "2026-11-23T12:02:00.000Z",
    }


def test_another_apps_issuance_looks_like_none_at_all(desk: Desk) -> None:
    desk.access.views = [view(OTHER)]
    ids = [desk.access.views[0].issuance, new_issuance_id(HandClock()), "not-an-id", "%00", "..", "1" * 500]

    answers = [desk.get(f"/v1/issuances/{issuance}") for issuance in ids]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text.replace(answer.get_json()["id"], "ID") for answer in answers}) == 1


def test_a_list_holds_an_apps_own(desk: Desk) -> None:
    desk.access.views = [view(OTHER), view(NAGIOS), view(OTHER)]

    assert [item["app"] for item in desk.get("/v1/issuances").get_json()["items"]] == ["nagios"]


def test_an_auditor_sees_all(desk: Desk) -> None:
    desk.access.views = [view(OTHER), view(NAGIOS)]

    items = desk.get("/v1/issuances", AUDITOR, "audit.read").get_json()["items"]

    assert [item["app"] for item in items] == ["other", "nagios"]
    assert desk.get(f"/v1/issuances/{items[0]['issuance']}", AUDITOR, "audit.read").status_code == 200


@pytest.mark.parametrize(
    "reason", ["host_unknown", "host_ambiguous", "grant_unknown", "out_of_scope", "grant_expired"]
)
def test_an_app_reads_the_reason_that_it_was_told_and_an_auditor_the_true_one(
    desk: Desk, reason: str
) -> None:
    desk.access.views = [view(NAGIOS, IssuanceState.REFUSED, reason)]

    assert desk.get("/v1/issuances").get_json()["items"][0]["reason"] == "not_granted"
    answer = desk.get("/v1/issuances", AUDITOR, "audit.read")
    assert answer.get_json()["items"][0]["reason"] == reason


def test_a_reason_that_nobody_knows_is_no_text_for_an_app(desk: Desk) -> None:
    desk.access.views = [view(NAGIOS, IssuanceState.FAILED, "canary")]

    assert desk.get("/v1/issuances").get_json()["items"][0]["reason"] == "internal_error"


def test_pages_go_on(desk: Desk) -> None:
    desk.access.views = [view(NAGIOS) for _ in range(5)]
    first = desk.get("/v1/issuances?limit=3").get_json()
    second = desk.get(f"/v1/issuances?limit=3&cursor={first['next_cursor']}").get_json()

    assert [len(first["items"]), len(second["items"]), second["next_cursor"]] == [3, 2, None]


def test_a_cursor_that_the_store_did_not_give_is_refused(desk: Desk) -> None:
    assert desk.get("/v1/issuances?cursor=abc").get_json()["code"] == "invalid_request"


def test_ids_cannot_be_guessed_and_sort_by_time() -> None:
    clock = HandClock()
    first = [new_issuance_id(clock) for _ in range(50)]
    clock.advance(0.001)
    later = new_issuance_id(clock)

    assert len({issuance[15:] for issuance in first}) == 50
    assert max(first)[:13] < later[:13]
    assert all(parse_issuance_id(issuance) for issuance in first)
