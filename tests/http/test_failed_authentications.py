"""Failed authentications are counted for their address, and never silence who can authenticate."""

import pytest

from broker.model.policy import Rate
from tests.support.http_fakes import (
    CLIENT_SECRET,
    NAGIOS,
    OTHER,
    credential,
    sign,
)
from tests.support.http_limits import limited_desk, statuses


def test_only_failed_authentications_count_for_an_address() -> None:
    desk = limited_desk(failed_authentications=Rate(3, 60))

    assert [desk.ask_token().status_code for _ in range(6)] == [200] * 6
    assert [desk.ask_token(secret="wrong").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_bad_bearers_and_bad_clients_share_the_budget_of_failures() -> None:
    desk = limited_desk(failed_authentications=Rate(2, 60))
    bad = {"Authorization": "Bearer x"}

    assert [desk.ask_token(secret="wrong").status_code, *statuses(desk, 2, bad)] == [401, 401, 429]


def test_a_broken_app_does_not_silence_the_others_behind_its_address() -> None:
    desk = limited_desk(failed_authentications=Rate(1, 60))
    headers = desk.bearer(OTHER)
    assert [desk.ask_token(NAGIOS, secret="wrong").status_code for _ in range(3)] == [401, 429, 429]

    assert desk.ask_token(OTHER).status_code == 200
    assert statuses(desk, 1, headers) == [200]
    assert desk.assert_token(sign(desk.claims(), {"alg": "ES256"})).status_code == 200


def test_an_app_learns_that_its_token_ended_however_often_its_neighbours_fail() -> None:
    desk = limited_desk(failed_authentications=Rate(1, 3600))
    headers = desk.bearer()
    assert statuses(desk, 2, {"Authorization": "Bearer x"}) == [401, 429]
    desk.access.credentials[NAGIOS] = credential(NAGIOS, CLIENT_SECRET, generation=2)
    assert statuses(desk, 2, headers) == [401, 401]

    headers = desk.bearer()
    desk.world.clock.advance(301)
    told = desk.client.get("/v1/hosts", headers=headers)

    assert told.status_code == 401
    assert "invalid_token" in told.headers["WWW-Authenticate"]
    assert desk.access.refused[-1][:2] == (NAGIOS, "token_expired")


@pytest.mark.parametrize("path", ["/v1/hosts", "/v1/issuances", "/v1/issuances/<issuance>"])
def test_a_listing_that_is_refused_for_its_rate_is_on_record(path: str) -> None:
    desk = limited_desk(app=Rate(1, 60))
    headers = desk.bearer()
    statuses(desk, 1, headers)
    told = desk.client.get(path.replace("<issuance>", "x"), headers=headers)

    assert told.status_code == 429
    assert desk.access.refused == [(NAGIOS, "rate_limited", path, told.get_json()["id"])]


def test_every_failure_is_on_record_even_beyond_the_limit() -> None:
    desk = limited_desk(failed_authentications=Rate(1, 60))
    for _ in range(3):
        desk.ask_token(secret="wrong")

    assert len(desk.access.turned_away) == 3


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:0:0::1", "2001:DB8::1:2:3:4", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
    ],
)
def test_an_address_is_counted_in_its_canonical_form_and_ipv6_by_its_network(
    first: str, second: str, *, shared: bool
) -> None:
    desk = limited_desk(failed_authentications=Rate(1, 60))
    found = [
        desk.client.get("/v1/hosts", environ_overrides={"REMOTE_ADDR": peer}).status_code
        for peer in (first, second)
    ]

    assert found == [401, 429 if shared else 401]
