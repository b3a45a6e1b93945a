"""POST /oauth2/token: what every caller is told, whoever it is, and what stands on record."""

import base64

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from broker.errors import Reason
from broker.model.names import AppId
from broker.model.policy import Scope
from broker.ports.access import AppCredential
from tests.support.http_fakes import (
    AUDITOR,
    CLIENT_SECRET,
    ISSUER,
    NAGIOS,
    OTHER,
    Desk,
    basic,
    credential,
    make_desk,
    settings_for,
)

FORM = {"grant_type": "client_credentials", "scope": "tickets"}


def test_a_client_with_its_secret_gets_a_token_of_five_minutes(desk: Desk) -> None:
    answer = desk.ask_token()

    assert answer.status_code == 200
    assert answer.json is not None
    assert {k: v for k, v in answer.json.items() if k != "access_token"} == {
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "tickets",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert desk.access.issued == [(NAGIOS, "client_secret_basic", ("tickets",))]


def test_no_token_leaves_that_is_not_on_record(desk: Desk) -> None:
    desk.access.log_down = True

    answer = desk.ask_token()

    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["code"] == "log_unavailable"


def test_every_wrong_client_gets_the_same_bytes(desk: Desk) -> None:
    desk.access.credentials[OTHER] = credential(OTHER, CLIENT_SECRET, disabled=True)
    del desk.access.credentials[AUDITOR]
    headers = [
        basic(NAGIOS, "wrong"),
        basic("nobody", CLIENT_SECRET),
        basic("NAGIOS", CLIENT_SECRET),
        basic("nagios\n", CLIENT_SECRET),
        basic("nagios ", CLIENT_SECRET),
        basic("../nagios", CLIENT_SECRET),
        basic("", CLIENT_SECRET),
        basic(NAGIOS, ""),
        basic(OTHER, CLIENT_SECRET),
        basic(AUDITOR, CLIENT_SECRET),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic " + base64.b64encode(b"nocolon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        {"Authorization": "Digest x"},
        {},
    ]

    answers = [desk.client.post("/oauth2/token", data=FORM, headers=h) for h in headers]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    ids = [answer.headers.pop("Broker-Request-Id") for answer in answers]
    assert ids == desk.access.answer_ids, "each under the id of its record"
    assert len({str(sorted(answer.headers)) for answer in answers}) == 1
    assert answers[0].json == {
        "error": "invalid_client",
        "error_description": "The client could not be authenticated.",
    }
    assert answers[0].headers["WWW-Authenticate"] == 'Basic realm="broker"'


def test_the_log_knows_why_each_was_turned_away(desk: Desk) -> None:
    desk.access.credentials[OTHER] = credential(OTHER, CLIENT_SECRET, disabled=True)
    for headers in (basic(NAGIOS, "wrong"), basic("nobody", "x"), basic(OTHER, CLIENT_SECRET), {}):
        desk.client.post("/oauth2/token", data=FORM, headers=headers)

    assert [(app, cause) for app, cause, _ in desk.access.turned_away] == [
        (NAGIOS, "wrong_secret"),
        (None, "app_unknown"),
        (OTHER, "app_disabled"),
        (None, "no_credentials"),
    ]


@pytest.mark.parametrize("name", ["nobody", NAGIOS, "not a name", ""])
def test_an_unknown_client_costs_one_comparison_like_any_other(desk: Desk, name: str) -> None:
    desk.client.post("/oauth2/token", data=FORM, headers=basic(name, "wrong"))

    assert desk.compared.compared == 1


@pytest.mark.parametrize("name", ["nobody", NAGIOS, OTHER])
def test_an_unknown_client_costs_the_one_row_of_a_known_one(desk: Desk, name: str) -> None:
    look_up = desk.access.credential
    found: list[AppCredential | None] = []

    def counted(app: AppId) -> AppCredential | None:
        found.append(look_up(app))
        return found[-1]

    desk.access.credential = counted  # type: ignore[method-assign]
    answer = desk.client.post("/oauth2/token", data=FORM, headers=basic(name, "wrong"))

    assert answer.status_code == 401
    assert [row is not None for row in found] == [True]


def test_an_old_secret_works_until_it_is_taken_out(desk: Desk) -> None:
    both = (*credential(NAGIOS, "old").secret_hashes, *credential(NAGIOS, "new").secret_hashes)
    desk.access.credentials[NAGIOS] = type(credential(NAGIOS))(NAGIOS, False, 2, both)  # noqa: FBT003

    assert desk.ask_token(secret="old").status_code == 200
    assert desk.ask_token(secret="new").status_code == 200
    assert desk.ask_token(secret="older").status_code == 401


@pytest.mark.parametrize(
    "scope", [None, "", " ", "admin", "tickets admin", "tickets,roles.read", "TICKETS", "audit.read", "*"]
)
def test_no_scope_an_unknown_one_and_one_of_others_are_all_refused_on_record(
    desk: Desk, scope: str | None
) -> None:
    answer = desk.ask_token(scope=scope)

    assert answer.status_code == 400
    assert answer.json == {
        "error": "invalid_scope",
        "error_description": "Ask for one or more scopes that this client may have, by name.",
    }
    assert answer.headers["Broker-Request-Id"] == desk.access.answer_ids[-1]
    assert desk.access.denied == [(NAGIOS, Reason.INSUFFICIENT_SCOPE)]
    assert desk.access.turned_away == []
    assert desk.access.issued == []


def test_scopes_come_back_each_once_in_order(desk: Desk) -> None:
    answer = desk.ask_token(scope="tickets roles.read tickets")

    assert answer.json is not None
    assert answer.json["scope"] == "roles.read tickets"


@pytest.mark.parametrize(
    "grant_type",
    ["password", "authorization_code", "refresh_token", "implicit", "", "client_credentials\n", "<b>"],
)
def test_there_is_no_other_grant_type(desk: Desk, grant_type: str) -> None:
    answer = desk.client.post(
        "/oauth2/token", data={**FORM, "grant_type": grant_type}, headers=basic(NAGIOS, CLIENT_SECRET)
    )

    assert answer.status_code == 400
    assert answer.json == {
        "error": "unsupported_grant_type",
        "error_description": "The grant type is client_credentials.",
    }


def test_parameters_in_the_url_are_refused(desk: Desk) -> None:
    answer = desk.client.post(
        "/oauth2/token?grant_type=client_credentials&scope=tickets", headers=basic(NAGIOS, CLIENT_SECRET)
    )

    assert (answer.status_code, answer.json and answer.json["error"]) == (400, "invalid_request")


def test_a_parameter_that_stands_twice_is_refused(desk: Desk) -> None:
    answer = desk.client.post(
        "/oauth2/token",
        data="grant_type=client_credentials&scope=tickets&scope=roles.read",
        content_type="application/x-www-form-urlencoded",
        headers=basic(NAGIOS, CLIENT_SECRET),
    )

    assert (answer.status_code, answer.json and answer.json["error"]) == (400, "invalid_request")


def test_a_secret_in_the_form_is_no_authentication(desk: Desk) -> None:
    answer = desk.client.post(
        "/oauth2/token", data={**FORM, "client_id": NAGIOS, "client_secret": CLIENT_SECRET}
    )

    assert answer.status_code == 401


def test_a_client_id_alone_is_no_authentication(desk: Desk) -> None:
    assert desk.client.post("/oauth2/token", data={**FORM, "client_id": NAGIOS}).status_code == 401


def test_a_multipart_form_is_none(desk: Desk) -> None:
    answer = desk.client.post(
        "/oauth2/token",
        data=FORM,
        content_type="multipart/form-data",
        headers=basic(NAGIOS, CLIENT_SECRET),
    )

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8"])
def test_a_form_may_name_its_charset(desk: Desk, charset: str) -> None:
    answer = desk.client.post(
        "/oauth2/token",
        data=b"grant_type=client_credentials&scope=tickets",
        content_type=f"application/x-www-form-urlencoded; charset={charset}",
        headers=basic(NAGIOS, CLIENT_SECRET),
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
    ],
)
def test_only_a_form_is_read(desk: Desk, content_type: str) -> None:
    answer = desk.client.post(
        "/oauth2/token",
        data=b"grant_type=client_credentials&scope=tickets",
        content_type=content_type,
        headers=basic(NAGIOS, CLIENT_SECRET),
    )

    assert answer.status_code == 400


def test_an_oversize_form_is_refused(desk: Desk) -> None:
    answer = desk.client.post(
        "/oauth2/token", data={**FORM, "x": "x" * 70_000}, headers=basic(NAGIOS, CLIENT_SECRET)
    )

    assert answer.status_code == 413


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1", "broker.example.com:1"])
def test_the_host_header_changes_nothing(desk: Desk, host: str) -> None:
    form_answer = desk.client.post(
        "/oauth2/token", data=FORM, headers={**basic(NAGIOS, CLIENT_SECRET), "Host": host}
    )
    metadata = desk.client.get("/.well-known/oauth-authorization-server", headers={"Host": host})

    assert form_answer.status_code == 200
    assert host not in metadata.text


def test_the_metadata_is_valid_and_agrees_with_what_is_served(desk: Desk) -> None:
    document = desk.client.get("/.well-known/oauth-authorization-server").json
    assert document is not None

    assert document["response_types_supported"] == []  # there is no authorization endpoint
    AuthorizationServerMetadata({**document, "response_types_supported": ["none"]}).validate()
    assert document["issuer"] == ISSUER
    assert document["token_endpoint"] == ISSUER + "/oauth2/token"
    assert document["grant_types_supported"] == ["client_credentials"]
    assert document["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "client_secret_basic"]
    assert set(document["scopes_supported"]) == {str(s) for s in Scope}
    assert desk.client.get(document["jwks_uri"].removeprefix(ISSUER)).status_code == 200


def test_no_cookie_is_ever_set(desk: Desk) -> None:
    for answer in (
        desk.ask_token(),
        desk.ask_token(secret="x"),
        desk.get("/v1/hosts"),
        desk.client.get("/healthz"),
    ):
        assert "Set-Cookie" not in answer.headers


def test_an_app_that_left_the_policy_is_no_client() -> None:
    desk = make_desk(settings=settings_for())
    apps = {name: app for name, app in desk.world.policy.apps.items() if name != NAGIOS}
    desk.world.policy = type(desk.world.policy)(
        "revision-2", desk.world.policy.vcenters, desk.world.policy.accounts, apps, {}, {}
    )

    assert desk.ask_token(AppId("nagios")).status_code == 401
