"""Known secrets go through every path with DEBUG logging on, and none comes out where it should not."""

import contextlib
import json
import logging

import pytest
from werkzeug.test import TestResponse

from broker.errors import LogUnavailable
from broker.http.limits import WindowStore
from broker.http.oauth.clients import Client
from broker.http.oauth.jose import read_unverified
from broker.model.secret import Secret
from tests.support.http_fakes import (
    APP_KEYS,
    CLIENT_SECRET,
    NAGIOS,
    PUBLIC_KEYS,
    SIGNING_PEM,
    Desk,
    app_named,
    basic,
    credential,
    make_desk,
    pem_of,
    sign,
)
from tests.support.issuing import TICKET

BODY = {"host": "esx01.example.com"}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def test_no_secret_reaches_a_log_or_an_answer_to_somebody_else(
    logged: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk()
    token = desk.token()
    assertion = sign(desk.claims(), {"alg": "ES256"})
    answers = [
        desk.assert_token(assertion + "x"),
        desk.assert_token(assertion, scope="admin"),
        desk.ask_token(secret=CLIENT_SECRET + "x"),
        desk.client.post(
            "/oauth2/token", data={"grant_type": CLIENT_SECRET}, headers=basic(NAGIOS, CLIENT_SECRET)
        ),
        desk.client.get("/v1/hosts", headers={"Authorization": f"Bearer {token}x"}),
        desk.client.get(f"/v1/hosts?access_token={token}", headers={"Authorization": f"Bearer {token}"}),
        desk.client.post("/v1/tickets", data=TICKET, headers={"Authorization": f"Bearer {token}"}),
        desk.client.get(f"/{CLIENT_SECRET}", headers={"Authorization": f"Bearer {token}"}),
        desk.client.get("/.well-known/jwks.json"),
        desk.client.get("/openapi.json"),
        desk.client.get("/v1/issuances", headers={"Authorization": f"Bearer {token}"}),
        *_after_failures(desk, token),
    ]
    granted = [desk.assert_token(sign(desk.claims(), {"alg": "ES256"})), desk.ticket(BODY)]
    assert [answer.status_code for answer in granted] == [200, 200]

    out, err = capfd.readouterr()
    seen = logged.text + out + err + "".join(answer.text + str(answer.headers) for answer in answers)
    for secret in (
        CLIENT_SECRET,
        token,
        assertion,
        TICKET,
        granted[0].get_json()["access_token"],
        *_key_material(),
    ):
        assert secret not in seen
    assert logged.records


def _after_failures(desk: Desk, token: str) -> list[TestResponse]:
    headers = {"Authorization": f"Bearer {token}"}
    desk.world.proof = RuntimeError(TICKET)
    first = desk.client.post("/v1/tickets", json=BODY, headers=headers)
    desk.world.proof = make_desk().world.proof
    desk.world.log_fails_at = "conclude"
    second = desk.client.post("/v1/tickets", json=BODY, headers=headers)
    desk.world.log_fails_at = None
    desk.access.can_issue = _fail  # type: ignore[method-assign]
    return [first, second, desk.client.get("/readyz")]


def _fail() -> bool:
    raise RuntimeError(CLIENT_SECRET)


def _key_material() -> list[str]:
    pems = [SIGNING_PEM, *(pem_of(key) for key in APP_KEYS.values())]
    private = [line for pem in pems for line in pem.splitlines()[1:-1]]
    return [line for line in private if len(line) > 40]


def test_what_holds_a_secret_prints_none_of_it() -> None:
    client = Client(app_named(NAGIOS, keys=PUBLIC_KEYS), credential(NAGIOS, CLIENT_SECRET))
    token = read_unverified(sign({"jti": "canary"}, {"alg": "ES256"}))

    assert repr(client) == "<Client nagios>"
    assert "canary" not in repr(token)
    assert "canary" not in repr(WindowStore.redis(Secret("redis://:canary@x")))


def test_published_keys_have_no_private_half(desk: Desk) -> None:
    document = json.loads(desk.client.get("/.well-known/jwks.json").text)

    assert all("d" not in key for key in document["keys"])


def test_an_exception_of_the_store_is_not_shown(desk: Desk) -> None:
    def fail(_: object) -> None:
        raise LogUnavailable("canary-path")

    headers = desk.bearer()
    desk.access.credential = fail  # type: ignore[method-assign, assignment]
    with contextlib.suppress(KeyError):
        answer = desk.client.get("/v1/hosts", headers=headers)

    assert (answer.status_code, "canary" in answer.text) == (503, False)
