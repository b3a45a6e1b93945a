"""What there is to call, who may call it, and what everything else is told."""

import re
from dataclasses import replace

import pytest
from flask import Flask, Response

from broker.errors import Reason, Refused
from broker.http.answers import Alive
from broker.http.routes import AnyOf, Open, Operation, Route, UndeclaredRoute, register, require_declared
from broker.model.policy import Scope
from tests.support.http_fakes import AUDITOR, NAGIOS, Desk, make_desk

OPEN = {
    "/oauth2/token",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/healthz",
    "/readyz",
    "/openapi.json",
}
SCOPED = {
    "/v1/tickets",
    "/v1/tickets:batch",
    "/v1/hosts",
    "/v1/issuances",
    "/v1/issuances/<issuance>",
    "/v1/templates",
    "/v1/grants",
    "/v1/drift",
    "/v1/audit/records",
    "/v1/audit/records/<index>",
    "/v1/audit/reports/<name>",
    "/v1/audit/checkpoint",
    "/v1/audit/keys",
    "/v1/audit/proofs/inclusion",
    "/v1/audit/proofs/consistency",
}


def answer() -> Response:
    return Response("")


def route(access: Open | AnyOf) -> Route:
    return Route("GET", "/x", "x", access, answer, Operation("", {200: Alive}))


def test_these_routes_and_no_others_exist(desk: Desk) -> None:
    assert {rule.rule for rule in desk.app.url_map.iter_rules()} == OPEN | SCOPED


@pytest.mark.parametrize("path", sorted(SCOPED))
def test_a_route_that_is_not_open_on_purpose_wants_a_token(desk: Desk, path: str) -> None:
    for method in ("get", "post"):
        status = getattr(desk.client, method)(re.sub("<.*>", "x", path)).status_code
        assert status in {401, 405}
    assert desk.world.trail == []


def test_a_route_beside_the_table_keeps_the_app_from_starting(desk: Desk) -> None:
    app = Flask("test", static_folder=None)
    table = register(app, [route(AnyOf(frozenset({Scope.TICKETS})))])
    require_declared(app, table)
    app.add_url_rule("/back-door", view_func=answer, endpoint="back")

    with pytest.raises(UndeclaredRoute, match="/back-door declares no scope"):
        require_declared(app, table)


def test_an_empty_set_of_scopes_is_no_declaration() -> None:
    app = Flask("test", static_folder=None)
    table = register(app, [route(AnyOf(frozenset()))])

    with pytest.raises(UndeclaredRoute, match="empty set"):
        require_declared(app, table)


@pytest.mark.parametrize(
    "method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "GET"]
)
def test_an_unknown_method_is_refused_as_a_problem(desk: Desk, method: str) -> None:
    told = desk.client.open("/v1/tickets", method=method)

    assert (told.status_code, told.content_type) == (405, "application/problem+json")
    assert told.get_json()["code"] == "method_not_allowed"
    assert told.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/tickets/",
        "//v1/tickets",
        "/v1//tickets",
        "/V1/tickets",
        "/v1/tickets%00",
        "/v1/tickets;x=1",
        "/v1/./tickets",
        "/v1/x/../tickets",
        "/healthz/../v1/hosts",
        "/static/x",
        "/v1/tickets:bulk",
        "/metrics",
        "/admin",
        "/v1/hosts%2f",
        "/console",
    ],
)
def test_an_unknown_path_is_a_404_as_a_problem_and_never_a_redirect(desk: Desk, path: str) -> None:
    told = desk.client.post(path)

    assert (told.status_code, told.content_type) == (404, "application/problem+json")
    assert told.get_json()["code"] == "not_found"
    assert "Location" not in told.headers


def test_every_answer_has_an_id_of_ours_whatever_the_caller_sends(desk: Desk) -> None:
    wanted = "01932e3e-0000-7000-8000-000000000001"
    told = desk.client.get("/nowhere", headers={"X-Request-ID": wanted, "Request-Id": wanted})

    assert told.get_json()["id"] != wanted
    assert wanted not in str(told.headers)


def test_healthz_tells_nothing(desk: Desk) -> None:
    desk.access.codes, desk.access.can, desk.access.log_down = ("vcenter_unavailable",), False, True
    told = desk.client.get("/healthz")

    assert (told.status_code, told.get_json()) == (200, {"status": "ok"})


def test_readyz_is_503_only_when_no_ticket_can_be_issued_at_all(desk: Desk) -> None:
    assert desk.client.get("/readyz").get_json() == {"ready": True, "degraded": []}

    desk.access.codes = ("vcenter_unavailable", "inventory_stale")
    told = desk.client.get("/readyz")
    assert told.status_code == 200
    assert told.get_json() == {"ready": True, "degraded": ["inventory_stale", "vcenter_unavailable"]}

    desk.access.can = False
    told = desk.client.get("/readyz")
    assert (told.status_code, told.get_json()["ready"]) == (503, False)


def test_every_change_of_readyz_is_one_line_in_the_log_however_often_it_is_asked(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def said_after(*codes: str, can_issue: bool) -> list[tuple[str, str]]:
        desk.access.codes, desk.access.can = codes, can_issue
        caplog.clear()
        for _ in range(5):
            desk.client.get("/readyz")
        return [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "broker.http.health"]

    caplog.set_level("INFO")
    assert said_after(can_issue=True) == []
    assert said_after("vcenter_unreachable", can_issue=True) == [
        ("WARNING", "can issue tickets; degraded: vcenter_unreachable")
    ]
    assert said_after("vcenter_unreachable", "inventory_stale", can_issue=False) == [
        ("WARNING", "can issue no ticket; degraded: inventory_stale, vcenter_unreachable")
    ]
    assert said_after("inventory_stale", "vcenter_unreachable", can_issue=False) == []
    assert said_after(can_issue=True) == [("INFO", "can issue tickets; degraded: nothing")]


def test_a_defect_is_a_500_that_tells_nothing_and_is_logged_by_its_place(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bool:
        raise KeyError("canary-text")

    desk.access.can_issue = fail  # type: ignore[method-assign]
    told = desk.client.get("/readyz")

    assert (told.status_code, told.get_json()["code"]) == (500, "internal_error")
    assert told.headers["Cache-Control"] == "no-store"
    assert "canary" not in told.text + caplog.text
    (line,) = caplog.records
    assert told.get_json()["id"] == line.__dict__["issuance"]
    assert "KeyError at test_routes.py" in caplog.text


def test_refusals_beyond_the_budget_are_429_with_the_time_to_come_back(desk: Desk) -> None:
    desk.access.refusals_left = 0
    told = desk.client.get("/v1/hosts")

    assert (told.status_code, told.get_json()["code"]) == (429, "too_many_refusals")
    assert told.headers["Retry-After"] == "17"
    assert desk.ask_token(secret="wrong").status_code == 429
    assert desk.ticket({}).status_code == 429


def test_a_refusal_carries_the_id_under_which_it_stands_on_record(desk: Desk) -> None:
    told = desk.client.get("/v1/issuances/x")

    assert desk.access.refused == [(None, "token_missing", "/v1/issuances/<issuance>", told.get_json()["id"])]


def test_a_caller_may_read_with_either_scope() -> None:
    desk = make_desk()

    assert desk.get("/v1/issuances", NAGIOS).status_code == 200
    assert desk.get("/v1/issuances", AUDITOR, "audit.read").status_code == 200
    assert desk.get("/v1/issuances", NAGIOS, "roles.read").status_code == 403


def test_a_refused_listing_is_answered_like_any_refusal(desk: Desk) -> None:
    desk.access.page = _unreadable  # type: ignore[method-assign, assignment]

    assert desk.get("/v1/issuances").status_code == 503


def _unreadable(*_: object) -> None:
    raise Refused(Reason.LOG_UNAVAILABLE, "canary")


def test_operations_are_values() -> None:
    made = Operation("", {200: Alive})

    assert replace(made, summary="x") != made
