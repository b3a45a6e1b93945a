"""Budgets: who is charged for what, what is told, and what happens while Redis is away."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer

from broker.errors import Limited, Reason
from broker.http.counting import RETRY_S
from broker.http.limits import WindowStore
from broker.model.inventory import Sighting
from broker.model.names import AccountId, HostName, Moid
from broker.model.policy import Rate, Scope
from broker.model.secret import Secret
from tests.support.http_fakes import (
    CLIENT_SECRET,
    NAGIOS,
    OTHER,
    Desk,
    app_named,
    credential,
    sign,
)
from tests.support.http_limits import BODY, limited_desk, statuses
from tests.support.http_server import wait_for
from tests.support.issuing import HOST
from tests.support.tools import require_tool


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WindowStore]:
    match request.param:
        case "memory":
            yield WindowStore.memory()
        case "fakeredis":
            pool = fake_redis(FakeServer()).connection_pool
            yield WindowStore(Secret("redis://localhost"), {"connection_pool": pool})
        case _:
            with redis_server(tmp_path) as url:
                yield WindowStore.redis(Secret(url))


def fake_redis(server: FakeServer) -> FakeRedis:
    """Windows are Lua scripts, which fakeredis runs by lupa (its extra `lua`)."""
    pytest.importorskip("lupa", reason="fakeredis runs Lua only with lupa: install fakeredis[lua]")
    return FakeRedis(server=server)


class redis_server:  # noqa: N801 - reads as a function
    """A Redis of the test's own, on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self._command = [
            str(require_tool("redis-server")),
            *("--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"),
            *("--dir", str(folder), "--logfile", str(folder / "redis.log")),
        ]

    def __enter__(self) -> str:
        self.start()
        return f"redis+unix://{self._socket}"

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)
        wait_for(self._socket.exists, "redis")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def test_an_app_has_a_budget_of_requests_in_every_store(store: WindowStore) -> None:
    desk = limited_desk(app=Rate(3, 60), store=store)
    nagios, other = desk.bearer(NAGIOS), desk.bearer(OTHER)

    assert statuses(desk, 4, nagios) == [200, 200, 200, 429]
    assert statuses(desk, 1, other) == [200]


def test_every_call_that_needs_a_token_is_charged(store: WindowStore) -> None:
    desk = limited_desk(app=Rate(3, 60), store=store)
    headers = desk.bearer()
    paths = ["/v1/hosts", "/v1/issuances", "/v1/issuances/x"]

    assert [desk.client.get(path, headers=headers).status_code for path in paths] == [200, 200, 404]
    assert desk.client.post("/v1/tickets", json=BODY, headers=headers).status_code == 429


def test_a_429_tells_the_time_to_come_back_and_a_budget_what_is_left() -> None:
    desk = limited_desk(app=Rate(2, 30))
    headers = desk.bearer()
    answers = [desk.client.get("/v1/hosts", headers=headers) for _ in range(3)]

    assert [a.headers.get("RateLimit-Policy") for a in answers] == ['"app";q=2;w=30', '"app";q=2;w=30', None]
    assert answers[0].headers["RateLimit"].startswith('"app";r=1;t=')
    assert answers[1].headers["RateLimit"].startswith('"app";r=0;t=')
    assert "Retry-After" not in answers[1].headers
    assert answers[2].get_json()["code"] == "rate_limited"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 30


def test_a_grant_has_a_budget_for_each_host() -> None:
    desk = limited_desk(grant=Rate(2, 60))
    other = replace(
        HOST, ref=replace(HOST.ref, moid=Moid("host-12")), name=HostName("esx02.example.com"), addresses=()
    )
    desk.world.sightings = (*desk.world.sightings, Sighting(AccountId("cim-a"), other, 1.0))

    found = [
        desk.ticket(body).status_code
        for body in (BODY, BODY, BODY, {"host": other.name}, {"host": "192.0.2.11"})
    ]

    assert found == [200, 200, 429, 200, 429]
    assert [r.reason for r in desk.world.refusals] == [Reason.RATE_LIMITED, Reason.RATE_LIMITED]


def test_both_budgets_of_a_ticket_are_told() -> None:
    told = limited_desk(app=Rate(9, 60), grant=Rate(4, 60)).ticket(BODY)

    assert told.headers["RateLimit-Policy"] == '"app";q=9;w=60, "grant";q=4;w=60'


def test_the_whole_service_has_a_budget_that_is_nobodys_business() -> None:
    desk = limited_desk(service_rate=Rate(2, 60))
    nagios, other = desk.bearer(NAGIOS), desk.bearer(OTHER)

    assert statuses(desk, 1, nagios) + statuses(desk, 2, other) == [200, 200, 429]
    told = desk.client.get("/v1/hosts", headers=nagios)
    assert told.get_json()["code"] == "rate_limited"
    assert "service" not in str(told.headers)


def test_tokens_have_a_budget_beside_the_requests_and_their_refusal_is_on_record() -> None:
    desk = limited_desk(app=Rate(2, 60))
    headers = desk.bearer()

    assert [desk.ask_token().status_code for _ in range(2)] == [200, 429]
    assert statuses(desk, 2, headers) == [200, 200]
    assert desk.ask_token().get_json()["id"] == desk.access.answer_ids[-1]
    assert desk.access.denied == [(NAGIOS, Reason.RATE_LIMITED)] * 2
    assert desk.access.turned_away == []


def test_an_assertion_beyond_the_budget_of_tokens_leaves_nothing_in_the_store() -> None:
    desk = limited_desk(app=Rate(2, 60))
    asserted = [desk.assert_token(sign(desk.claims(), {"alg": "ES256"})).status_code for _ in range(5)]

    assert asserted == [200, 200, 429, 429, 429]
    assert len(desk.access.used) == 2
    assert desk.access.denied == [(NAGIOS, Reason.RATE_LIMITED)] * 3


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", {"json": {"host": "esx01.example.com", "surprise": 1}}),
        ("", {"data": "{", "content_type": "application/json"}),
        ("", {"data": "host=esx01", "content_type": "text/plain"}),
        ("", {"data": b" " * 70_000, "content_type": "application/json"}),
        ("?surprise=1", {"json": BODY}),
    ],
    ids=["unknown field", "no JSON", "another type", "too large", "unknown parameter"],
)
def test_a_ticket_request_that_cannot_be_read_counts_once_like_one_that_can(
    query: str, sent: dict[str, Any]
) -> None:
    desk = limited_desk(app=Rate(4, 60))
    headers = desk.bearer()

    for left in (3, 2):
        refused = desk.client.post(f"/v1/tickets{query}", headers=headers, **sent)
        assert refused.status_code in {400, 413, 415, 422}
        assert f'"app";r={left};' in refused.headers["RateLimit"]
    assert desk.client.post("/v1/tickets", headers=headers, json=BODY).status_code == 200
    assert statuses(desk, 1, headers) == [200]
    limited = desk.client.post(f"/v1/tickets{query}", headers=headers, **sent)
    assert limited.get_json()["code"] == "rate_limited"
    assert desk.access.refused[-1][1] == "rate_limited"


@pytest.mark.parametrize("path", ["/v1/hosts?x=1", "/v1/issuances?limit=0", "/v1/issuances/none?x=1"])
def test_a_query_that_cannot_be_read_counts_too(path: str) -> None:
    desk = limited_desk(app=Rate(2, 60))
    headers = desk.bearer()

    assert statuses(desk, 3, headers, path)[-1] == 429


@pytest.mark.parametrize("count", [0, -1, -(10**9)])
def test_a_budget_of_nothing_lets_nothing_through(count: int) -> None:
    desk = limited_desk(grant=Rate(count, 60))

    assert desk.ticket(BODY).status_code == 429


def test_a_huge_budget_is_just_large() -> None:
    assert limited_desk(app=Rate(10**12, 86400)).ticket(BODY).status_code == 200


def test_no_spelling_of_an_app_opens_a_fresh_budget() -> None:
    desk = limited_desk(app=Rate(1, 60))
    headers = desk.bearer()
    variants = [
        {"X-Client-Id": "other"},
        {"Host": "OTHER.example.com"},
        {"User-Agent": "x"},
        {"X-Forwarded-For": "1.1.1.1"},
    ]

    assert [desk.client.get("/v1/hosts", headers={**headers, **v}).status_code for v in variants] == [
        200,
        429,
        429,
        429,
    ]


def test_concurrent_requests_charge_their_own_app_and_no_more_than_there_is() -> None:
    desk = limited_desk(app=Rate(20, 600))
    headers = {NAGIOS: desk.bearer(NAGIOS), OTHER: desk.bearer(OTHER)}

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: statuses(desk, 1, headers[(NAGIOS, OTHER)[n % 2]])[0], range(60)))

    assert [found[0::2].count(200), found[1::2].count(200)] == [20, 20]


def test_a_changed_rate_holds_from_the_next_request() -> None:
    desk = limited_desk(app=Rate(1, 60))
    headers = desk.bearer()
    assert statuses(desk, 2, headers) == [200, 429]

    apps = {**desk.world.policy.apps, NAGIOS: app_named(NAGIOS, Scope.TICKETS, rate=Rate(5, 60))}
    desk.world.policy = replace(desk.world.policy, apps=apps)

    assert statuses(desk, 1, headers) == [200]


def test_an_app_that_leaves_the_policy_while_it_asks_is_turned_away() -> None:
    desk = limited_desk()
    headers = desk.bearer()
    _leaves_while_it_asks(desk)

    assert desk.client.get("/v1/hosts", headers=headers).status_code == 401


@pytest.mark.parametrize("how", ["secret", "assertion"])
def test_a_client_that_leaves_the_policy_while_it_asks_is_turned_away_on_record(how: str) -> None:
    desk = limited_desk()
    _leaves_while_it_asks(desk)
    signed = sign(desk.claims(), {"alg": "ES256"})
    told = desk.ask_token() if how == "secret" else desk.assert_token(signed)

    assert (told.status_code, told.get_json()["error"]) == (401, "invalid_client")
    assert [(app, cause) for app, cause, _ in desk.access.turned_away] == [(None, "app_unknown")]
    assert told.headers["Broker-Request-Id"] == desk.access.answer_ids[-1]


def _leaves_while_it_asks(desk: Desk) -> None:
    apps = {name: app for name, app in desk.world.policy.apps.items() if name != NAGIOS}
    credentials = desk.access.credential

    def leave(app: Any) -> Any:
        found = credentials(app)
        desk.world.policy = replace(desk.world.policy, apps=apps)
        return found

    desk.access.credential = leave  # type: ignore[method-assign]


def test_while_redis_is_away_each_process_counts_by_itself_and_allows_half() -> None:
    server = FakeServer()
    pool = fake_redis(server).connection_pool
    desk = limited_desk(
        app=Rate(6, 60), store=WindowStore(Secret("redis://localhost"), {"connection_pool": pool})
    )
    headers = desk.bearer()
    assert statuses(desk, 1, headers) == [200]

    server.connected = False
    assert statuses(desk, 5, headers) == [200, 200, 200, 429, 429]
    assert desk.client.get("/readyz").get_json() == {"ready": True, "degraded": ["limits_in_memory"]}

    server.connected = True
    desk.world.clock.advance(RETRY_S)
    assert desk.client.get("/readyz").get_json() == {"ready": True, "degraded": []}
    assert statuses(desk, 6, headers)[:5] == [200] * 5


def test_a_process_that_cannot_know_of_the_others_allows_its_share_of_half(tmp_path: Path) -> None:
    url = Secret(f"redis+unix://{tmp_path}/no.sock")
    several = limited_desk(app=Rate(13, 60), store=WindowStore.redis(url, processes=3))
    many = limited_desk(app=Rate(4, 60), store=WindowStore.redis(url, processes=3))

    assert statuses(several, 3, several.bearer()) == [200, 200, 429]
    assert statuses(many, 2, many.bearer()) == [200, 429]


def test_a_redis_that_was_never_there_keeps_nobody_out(tmp_path: Path) -> None:
    desk = limited_desk(app=Rate(4, 60), store=WindowStore.redis(Secret(f"redis+unix://{tmp_path}/no.sock")))

    assert statuses(desk, 3, desk.bearer()) == [200, 200, 429]


def test_a_redis_that_ends_and_comes_back(tmp_path: Path) -> None:
    server = redis_server(tmp_path)
    with server as url:
        desk = limited_desk(app=Rate(4, 60), store=WindowStore.redis(Secret(url)))
        headers = desk.bearer()
        assert statuses(desk, 1, headers) == [200]
        server.stop()
        assert statuses(desk, 3, headers) == [200, 200, 429]
        (tmp_path / "redis.sock").unlink(missing_ok=True)
        server.start()
        desk.world.clock.advance(RETRY_S)
        assert "limits" not in desk.client.get("/readyz").text
        assert statuses(desk, 5, headers).count(200) >= 3


def test_the_redis_url_is_shown_nowhere() -> None:
    store = WindowStore.redis(Secret("redis://:canary-password@redis.example.com"))

    assert "canary" not in repr(store)


def test_two_processes_share_one_budget(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        desks = [limited_desk(app=Rate(3, 60), store=WindowStore.redis(Secret(url))) for _ in range(2)]
        headers = [desk.bearer() for desk in desks]
        found = [statuses(desks[n % 2], 1, headers[n % 2])[0] for n in range(4)]

        assert found == [200, 200, 200, 429]


def test_limited_is_what_the_port_promises() -> None:
    desk = limited_desk(grant=Rate(1, 60))
    desk.ticket(BODY)
    desk.ticket(BODY)

    (refusal,) = desk.world.refusals
    assert isinstance(refusal, Limited)
    assert 1 <= refusal.retry_after_s <= 60
    assert refusal.detail.startswith("grant nagios-dc1:")


def test_credentials_of_tests_are_as_the_store_keeps_them() -> None:
    assert len(credential(NAGIOS, CLIENT_SECRET).secret_hashes[0]) == 32
