"""GET /v1/hosts: what is listed is what a request would find."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import Reason, Refused
from broker.model.applied import ScopeEntry
from broker.model.inventory import Connection, Host, HostFacts, Sighting
from broker.model.names import AccountId, GrantId, HostName, Moid, VcenterId
from broker.model.policy import ReadinessMode
from tests.support.http_fakes import AUDITOR, NAGIOS, OTHER, Desk, make_desk
from tests.support.issuing import APPLIED, FACTS, GRANT, HOST, drift, expired

ACCOUNT = AccountId("cim-a")


def host(number: int, name: str | None = None, **changed: Any) -> Host:
    made = replace(
        HOST,
        ref=replace(HOST.ref, moid=Moid(f"host-{number}")),
        name=HostName(name or f"esx{number:04}.example.com"),
        addresses=(HostName(f"192.0.{number // 250}.{number % 250}"),),
    )
    return replace(made, **changed)


def seen(*hosts: Host, age_s: float = 1.0, account: AccountId = ACCOUNT) -> tuple[Sighting, ...]:
    return tuple(Sighting(account, one, age_s) for one in hosts)


def names(desk: Desk, path: str = "/v1/hosts") -> list[str]:
    return [item["name"] for item in desk.get(path).get_json()["items"]]


def test_a_host_is_listed_with_what_there_is_to_know(desk: Desk) -> None:
    assert desk.get("/v1/hosts").get_json() == {
        "items": [
            {
                "name": "esx01.example.com",
                "vcenter": "prod",
                "moid": "host-11",
                "grant": "nagios-dc1",
                "template": "cim-ticket",
                "ready": None,
                "reason": None,
                "connection": "connected",
                "version": "8.0.3",
                "inventory_age_s": 1,
            }
        ],
        "next_cursor": None,
        "incomplete": [],
    }


def test_another_app_sees_nothing_of_it(desk: Desk) -> None:
    assert desk.get("/v1/hosts", OTHER).get_json()["items"] == []


def test_an_auditor_lists_no_hosts(desk: Desk) -> None:
    assert desk.get("/v1/hosts", AUDITOR, "audit.read").status_code == 403


def test_hosts_outside_of_the_scope_are_not_listed(desk: Desk) -> None:
    desk.world.sightings = seen(HOST, host(12, ancestors=(Moid("domain-c8"), Moid("group-d1"))))

    assert names(desk) == ["esx01.example.com"]


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.disabled.add(GRANT.id),
        lambda world: world.grants_applied.clear(),
        lambda world: setattr(world, "policy", replace(world.policy, grants={GRANT.id: expired(GRANT)})),
        lambda world: setattr(world, "sightings", seen(HOST, host(12, HOST.name))),
    ],
    ids=["disabled", "never applied", "expired", "two of that name"],
)
def test_what_a_request_would_be_told_is_not_granted_is_not_listed(desk: Desk, change: Any) -> None:
    change(desk.world)

    assert HOST.name not in names(desk)
    assert desk.ticket({"host": HOST.name}).get_json()["code"] == "not_granted"


def test_a_host_that_calls_itself_by_anothers_name_takes_it_from_nobody(desk: Desk) -> None:
    liar = host(12, addresses=(HOST.name, *HOST.addresses))
    desk.world.sightings = seen(HOST, liar)

    assert names(desk) == [liar.name, HOST.name]
    assert desk.ticket({"host": HOST.name}).get_json()["host"]["moid"] == HOST.ref.moid


def test_a_host_that_only_it_names_so_is_not_listed_under_anothers_name(desk: Desk) -> None:
    desk.world.sightings = seen(HOST, host(12, HOST.name, self_named=True))

    items = desk.get("/v1/hosts").get_json()["items"]

    assert [(i["name"], i["moid"]) for i in items] == [(HOST.name, HOST.ref.moid)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            lambda w: setattr(w, "sightings", seen(replace(HOST, connection=Connection.DISCONNECTED))),
            "host_disconnected",
        ),
        (lambda w: setattr(w, "sightings", seen(replace(HOST, version="9.0.0"))), "host_version_unsupported"),
        (lambda w: setattr(w, "sightings", seen(HOST, age_s=61.0)), "inventory_stale"),
        (
            lambda w: w.grants_applied.update({GRANT.id: replace(APPLIED, drift=drift())}),
            "drifted",
        ),
        (lambda w: w.grants_applied.update({GRANT.id: replace(APPLIED, digest="older")}), "not_applied"),
    ],
)
def test_a_host_that_is_not_ready_is_listed_with_the_reason_that_a_request_meets(
    desk: Desk, change: Any, code: str
) -> None:
    change(desk.world)

    (item,) = desk.get("/v1/hosts").get_json()["items"]

    assert (item["ready"], item["reason"]) == (False, code)
    assert desk.ticket({"host": HOST.name}).get_json()["code"] == code


def test_a_host_is_ready_once_its_cim_service_is_known_to_run(desk: Desk) -> None:
    desk.access.facts_read.add(HOST.ref)
    desk.world.sightings = seen(HOST, host(12))

    items = desk.get("/v1/hosts").get_json()["items"]

    assert [(i["moid"], i["ready"], i["reason"]) for i in items] == [
        ("host-12", None, None),
        ("host-11", True, None),
    ]
    assert "facts" not in desk.world.trail, "vCenter is asked nothing"


@pytest.mark.parametrize("facts", [replace(FACTS, cim_running=state) for state in (True, False, None)])
@pytest.mark.parametrize("mode", ReadinessMode)
def test_a_listing_and_a_request_agree_on_the_cim_service(
    desk: Desk, mode: ReadinessMode, facts: HostFacts
) -> None:
    grant = replace(GRANT, readiness=mode)
    desk.world.policy = replace(desk.world.policy, grants={GRANT.id: grant})
    desk.world.facts_now = facts
    desk.access.facts_read.add(HOST.ref)

    (item,) = desk.get("/v1/hosts").get_json()["items"]
    answer = desk.ticket({"host": HOST.name})

    assert item["ready"] is (answer.status_code == 200)
    assert item["reason"] == answer.get_json().get("code")


def test_a_stale_host_outside_of_the_scope_is_not_listed(desk: Desk) -> None:
    desk.world.sightings = seen(host(12, ancestors=(Moid("domain-c8"),)), age_s=61.0)

    assert names(desk) == []


def test_a_host_under_two_grants_is_listed_under_each(desk: Desk) -> None:
    second = replace(GRANT, id=GrantId("nagios-dc2"))
    desk.world.policy = replace(desk.world.policy, grants={GRANT.id: GRANT, second.id: second})
    desk.world.grants_applied[second.id] = replace(APPLIED, grant=second.id)

    items = desk.get("/v1/hosts").get_json()["items"]

    assert [(i["name"], i["grant"]) for i in items] == [(HOST.name, "nagios-dc1"), (HOST.name, "nagios-dc2")]


def test_one_name_in_two_vcenters_is_two_hosts_since_a_request_can_name_the_vcenter() -> None:
    desk = make_desk()
    policy = desk.world.policy
    account = AccountId("cim-b")
    second = replace(GRANT, id=GrantId("nagios-lab"), account=account)
    desk.world.policy = replace(
        policy,
        vcenters={
            **policy.vcenters,
            VcenterId("lab"): replace(policy.vcenters[VcenterId("prod")], id=VcenterId("lab")),
        },
        accounts={
            **policy.accounts,
            account: replace(policy.accounts[ACCOUNT], id=account, vcenter=VcenterId("lab")),
        },
        grants={GRANT.id: GRANT, second.id: second},
    )
    uuid = "71f12cb6-9de0-40cb-9c47-61d494229f4f"
    twin = replace(HOST, ref=replace(HOST.ref, vcenter=VcenterId("lab"), instance_uuid=uuid))
    desk.world.grants_applied[second.id] = replace(
        APPLIED, grant=second.id, scope=(ScopeEntry("/DC", uuid, Moid("domain-c7")),)
    )
    desk.access.inventory = {ACCOUNT: seen(HOST), account: seen(twin, account=account)}
    desk.world.sightings = (*seen(HOST), *seen(twin, account=account))

    assert [i["vcenter"] for i in desk.get("/v1/hosts").get_json()["items"]] == ["lab", "prod"]
    assert desk.ticket({"host": HOST.name}).status_code == 403
    assert desk.ticket({"host": HOST.name, "vcenter": "lab"}).get_json()["host"]["vcenter"] == "lab"


def test_an_inventory_that_cannot_be_asked_is_named_and_the_others_are_listed(desk: Desk) -> None:
    desk.access.inventory = {ACCOUNT: Refused(Reason.VCENTER_UNAVAILABLE, "canary-detail")}

    answer = desk.get("/v1/hosts")

    assert answer.status_code == 200
    assert answer.get_json() == {"items": [], "next_cursor": None, "incomplete": ["vcenter_unavailable"]}


def test_pages_follow_each_other_without_gap_or_repeat(desk: Desk) -> None:
    desk.world.sightings = seen(*(host(n) for n in range(60, 0, -1)))
    found: list[str] = []
    path: str | None = "/v1/hosts?limit=25"
    pages = 0
    while path:
        page = desk.get(path).get_json()
        found += [item["name"] for item in page["items"]]
        pages += 1
        path = f"/v1/hosts?limit=25&cursor={page['next_cursor']}" if page["next_cursor"] else None

    assert pages == 3
    assert found == [f"esx{n:04}.example.com" for n in range(1, 61)]


def test_a_page_goes_on_where_it_was_when_hosts_come_and_go(desk: Desk) -> None:
    desk.world.sightings = seen(*(host(n) for n in range(2, 12, 2)))
    first = desk.get("/v1/hosts?limit=2").get_json()
    desk.world.sightings = seen(*(host(n) for n in (1, 3, 6, 8, 10)))

    rest = names(desk, f"/v1/hosts?cursor={first['next_cursor']}")

    assert rest == ["esx0006.example.com", "esx0008.example.com", "esx0010.example.com"]


def test_a_whole_inventory_is_listed_in_pages_of_any_size_within_the_limit(desk: Desk) -> None:
    desk.world.sightings = seen(*(host(n) for n in range(1, 2501)))

    assert len(names(desk)) == 100
    assert len(names(desk, "/v1/hosts?limit=500")) == 500


FORGED = [
    "x",
    "e30=",
    urlsafe_b64encode(b"[1,2,3,4]").decode(),
    urlsafe_b64encode(b'["a","b","c"]').decode(),
    urlsafe_b64encode(json.dumps([["a"]] * 4).encode()).decode(),
    urlsafe_b64encode(b"[" * 700).decode(),
    urlsafe_b64encode(b"\xff\xfe").decode(),
    "..%2f",
    "x" * 2000,
    "",
]


@pytest.mark.parametrize("cursor", FORGED)
def test_a_cursor_that_we_did_not_give_is_refused(desk: Desk, cursor: str) -> None:
    told = desk.get(f"/v1/hosts?cursor={cursor}").get_json()

    assert told["code"] == "invalid_request"
    assert desk.access.refused == [(NAGIOS, "invalid_request", "/v1/hosts", told["id"])]


@pytest.mark.parametrize(
    "limit", ["0", "-1", "501", "1e2", "NaN", "", "99999999999999999999", "1.0", " 1", "٣", "1&limit=2"]
)
@pytest.mark.parametrize("path", ["/v1/hosts", "/v1/issuances"])
def test_a_limit_outside_of_1_to_500_is_refused(desk: Desk, path: str, limit: str) -> None:
    assert desk.get(f"{path}?limit={limit}").status_code == 422
