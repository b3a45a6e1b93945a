"""GET /v1/templates and /v1/grants."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from broker.model.names import GrantId, TemplateId
from broker.model.policy import Override, Rate, TicketKind
from broker.model.tree import Kind
from tests.support.clock import HandClock
from tests.support.http_fakes import AUDITOR, NAGIOS, OTHER, Desk
from tests.support.issuing import APPLIED, CIM, GRANT, UUID
from tests.support.issuing import drift as found

ADMIN = (NAGIOS, "roles.read")


def only_grant(desk: Desk) -> dict[str, Any]:
    (item,) = desk.get("/v1/grants", *ADMIN).get_json()["items"]
    assert isinstance(item, dict)
    return item


OVERRIDE = Override("L001", None, "agreed", "security team", date(2027, 3, 1))
OVERRIDE_TOLD = {
    "rule": "L001",
    "privilege": None,
    "reason": "agreed",
    "owner": "security team",
    "expires": "2027-03-01",
}


def test_a_template_is_told_as_it_is_written(desk: Desk) -> None:
    template = replace(
        desk.world.policy.templates[GRANT.template],
        reasons={CIM: "it is needed"},
        sources={CIM: "a page"},
        entity_types=frozenset({Kind.CLUSTER}),
        ticket_kinds=frozenset({TicketKind.CIM}),
        max_days=90,
        max_rate_per_host=Rate(5, 60),
        owner="storage team",
        review_by=date(2027, 6, 1),
        overrides=(OVERRIDE,),
    )
    desk.world.policy = replace(desk.world.policy, templates={template.id: template})
    assert desk.get("/v1/templates", *ADMIN).get_json() == {
        "items": [
            {
                "id": "cim-ticket",
                "description": "",
                "kind": "app",
                "enabled": True,
                "privileges": [{"id": CIM, "reason": "it is needed", "source": "a page"}],
                "entity_types": ["ClusterComputeResource"],
                "ticket_kinds": ["cim"],
                "max_days": 90,
                "max_rate_per_host": {"count": 5, "seconds": 60},
                "owner": "storage team",
                "review_by": "2027-06-01",
                "overrides": [OVERRIDE_TOLD],
                "role_name": "cim-broker-cim-ticket",
                "revision": "template-1",
                "grants": 1,
            }
        ],
        "next_cursor": None,
    }


def test_a_grant_is_told_as_it_is_written_and_as_it_stands(desk: Desk) -> None:
    grants = {GRANT.id: replace(GRANT, overrides=(OVERRIDE,))}
    desk.world.policy = replace(desk.world.policy, grants=grants)
    assert only_grant(desk) == {
        "id": "nagios-dc1",
        "app": "nagios",
        "template": "cim-ticket",
        "account": "cim-a",
        "vcenter": "prod",
        "scope": ["/DC1/host/cluster-01"],
        "owner": "storage team",
        "reason": "hardware monitoring",
        "valid_until": "2027-01-01T00:00:00.000Z",
        "rate_per_host": {"count": 10, "seconds": 60},
        "readiness": "require",
        "drift": "follow",
        "overrides": [OVERRIDE_TOLD],
        "disabled": False,
        "applied": {
            "at": "2026-11-01T00:00:00.000Z",
            "current": True,
            "standing": "holds",
            "finding": "",
            "role_id": 101,
            "scope": [{"path": "/DC1/host/cluster-01", "instance_uuid": UUID, "moid": "domain-c7"}],
        },
        "refused_for": None,
    }


def expire(desk: Desk) -> None:
    assert isinstance(desk.world.clock, HandClock)
    grants = {GRANT.id: replace(GRANT, valid_until=desk.world.clock.now() - timedelta(seconds=1))}
    desk.world.policy = replace(desk.world.policy, grants=grants)


def cut(desk: Desk) -> None:
    desk.world.disabled.add(GRANT.id)


def forget(desk: Desk) -> None:
    desk.world.grants_applied.clear()


def rewrite(desk: Desk) -> None:
    desk.world.grants_applied[GRANT.id] = replace(APPLIED, digest="another")


def drift(desk: Desk) -> None:
    desk.world.grants_applied[GRANT.id] = replace(APPLIED, drift=found(text="role 101 holds more"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (expire, "grant_expired"),
        (cut, "grant_disabled"),
        (forget, "not_applied"),
        (rewrite, "not_applied"),
        (drift, "drifted"),
    ],
)
def test_a_grant_that_issues_no_ticket_says_why(desk: Desk, change: Any, reason: str) -> None:
    change(desk)
    assert only_grant(desk)["refused_for"] == reason


def test_what_no_longer_holds_is_told_in_words(desk: Desk) -> None:
    drift(desk)
    assert only_grant(desk)["applied"]["finding"] == "role 101 holds more"


def test_nothing_of_an_accounts_secret_is_told(desk: Desk) -> None:
    told = desk.get("/v1/grants", *ADMIN).text
    assert "password" not in told
    assert "svc-cim-a" not in told


@pytest.mark.parametrize("path", ["/v1/templates", "/v1/grants"])
@pytest.mark.parametrize(("app", "scope"), [(OTHER, "tickets"), (NAGIOS, "tickets"), (AUDITOR, "audit.read")])
def test_whoever_may_not_read_roles_is_refused(desk: Desk, path: str, app: Any, scope: str) -> None:
    answer = desk.get(path, app, scope)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "insufficient_scope")


def many(desk: Desk) -> None:
    grants = {
        GrantId(f"g-{n}"): replace(GRANT, id=GrantId(f"g-{n}"), template=TemplateId(f"t-{n}"))
        for n in range(5)
    }
    template = desk.world.policy.templates[GRANT.template]
    templates = {TemplateId(f"t-{n}"): replace(template, id=TemplateId(f"t-{n}")) for n in range(5)}
    desk.world.policy = replace(desk.world.policy, grants=grants, templates=templates)


@pytest.mark.parametrize(("path", "prefix"), [("/v1/templates", "t"), ("/v1/grants", "g")])
def test_pages_go_on_where_the_last_one_ended(desk: Desk, path: str, prefix: str) -> None:
    many(desk)
    seen: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = desk.get(path + query, *ADMIN).get_json()
        seen.append([item["id"] for item in page["items"]])
        cursor = page["next_cursor"]
    assert seen == [[f"{prefix}-0", f"{prefix}-1"], [f"{prefix}-2", f"{prefix}-3"], [f"{prefix}-4"]]


@pytest.mark.parametrize("path", ["/v1/templates", "/v1/grants"])
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=NO", "cursor=a&cursor=b", "grant=x"])
def test_a_query_outside_its_grammar_is_refused_on_record(desk: Desk, path: str, query: str) -> None:
    answer = desk.get(f"{path}?{query}", *ADMIN)
    assert answer.get_json()["code"] == "invalid_request"
    assert [(app, reason, where) for app, reason, where, _ in desk.access.refused] == [
        (NAGIOS, "invalid_request", path)
    ]
