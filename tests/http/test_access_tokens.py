"""Access tokens: what they hold, what is accepted, and how soon a change of the app cuts them off."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from broker.errors import SecretUnavailable
from broker.http.oauth.keys import SigningKeys
from broker.model.names import AppId
from broker.model.policy import Scope
from broker.model.secret import Secret
from tests.support.http_fakes import (
    APP_KEYS,
    CLIENT_SECRET,
    HTTP_POLICY,
    ISSUER,
    NAGIOS,
    SIGNING_PEM,
    Desk,
    app_named,
    b64,
    basic,
    credential,
    pem_of,
    sign,
    signing_key,
)

KID = signing_key().thumbprint()
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": KID}


def claims_of(desk: Desk, **changed: Any) -> dict[str, Any]:
    """Claims of a good token; None takes one out."""
    now = int(desk.world.clock.now().timestamp())
    good = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": NAGIOS,
        "client_id": NAGIOS,
        "jti": "j",
        "iat": now,
        "exp": now + 300,
        "scope": "tickets",
        "gen": 1,
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def minted(desk: Desk, header: Mapping[str, Any] = HEADER, **changed: Any) -> str:
    return sign(claims_of(desk, **changed), header, signing_key())


def ask(desk: Desk, token: str) -> int:
    return desk.client.get("/v1/hosts", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_says_what_rfc_9068_wants_and_the_generation_of_its_credential(desk: Desk) -> None:
    desk.access.credentials[NAGIOS] = credential(NAGIOS, CLIENT_SECRET, generation=7)
    head, payload, _ = desk.token(scope="tickets roles.read").split(".")
    now = int(desk.world.clock.now().timestamp())

    assert json.loads(urlsafe_b64decode(head + "==")) == HEADER
    told = json.loads(urlsafe_b64decode(payload + "=="))
    assert len(told.pop("jti")) >= 20
    assert told == claims_of(desk, jti=None, scope="roles.read tickets", gen=7, exp=now + 300)


def test_every_token_has_an_id_of_its_own(desk: Desk) -> None:
    assert desk.token() != desk.token()


def test_the_published_keys_verify_a_token(desk: Desk) -> None:
    document = desk.client.get("/.well-known/jwks.json").json
    assert document is not None

    assert jws.deserialize_compact(desk.token(), KeySet.import_key_set(document), algorithms=["ES256"])
    assert document["keys"][0].keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert document["keys"][0]["kid"] == KID


def test_a_token_made_by_hand_as_we_make_them_is_accepted(desk: Desk) -> None:
    assert ask(desk, minted(desk)) == 200


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ES256", "kid": KID},
        {"alg": "ES256", "kid": KID, "typ": "JWT"},
        {"alg": "ES256", "kid": KID, "typ": "AT+JWT"},
        {"alg": "ES256", "kid": KID, "typ": "at+jwt\n"},
        {"alg": "ES256", "typ": "at+jwt"},
        {**HEADER, "kid": "another"},
        {**HEADER, "kid": ""},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "jwk": signing_key().as_dict(private=False)},
        {**HEADER, "jku": "https://evil.example.com"},
    ],
)
def test_a_header_that_we_do_not_write_is_refused(desk: Desk, header: dict[str, Any]) -> None:
    assert ask(desk, minted(desk, header)) == 401


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_the_public_key_is_no_shared_secret(desk: Desk, algorithm: str) -> None:
    public = desk.client.get("/.well-known/jwks.json").data
    token = sign(claims_of(desk), {**HEADER, "alg": algorithm}, public)

    assert ask(desk, token) == 401


def test_an_unsigned_token_is_refused(desk: Desk) -> None:
    head, payload = b64(json.dumps({**HEADER, "alg": "none"})), b64(json.dumps(claims_of(desk)))

    assert ask(desk, f"{head}.{payload}.") == 401
    assert ask(desk, f"{head}.{payload}.AA") == 401


def test_a_token_of_another_key_is_refused_whatever_key_id_it_names(desk: Desk) -> None:
    stranger = ECKey.import_key(pem_of(ec.generate_private_key(ec.SECP256R1())))

    assert ask(desk, sign(claims_of(desk), HEADER, stranger)) == 401
    assert ask(desk, sign(claims_of(desk), {"alg": "RS256", "typ": "at+jwt", "kid": KID})) == 401
    assert ask(desk, sign(claims_of(desk), HEADER, ECKey.import_key(pem_of(APP_KEYS["ES256"])))) == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": None},
        {"iss": "https://other.example.com"},
        {"iss": ISSUER + "/"},
        {"iss": ISSUER[:-1]},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "https://other.example.com"},
        {"aud": ISSUER + "/oauth2/token"},
        {"aud": [ISSUER]},
        {"aud": [ISSUER, "https://other.example.com"]},
        {"aud": {"x": ISSUER}},
        {"sub": "other"},
        {"sub": None},
        {"client_id": None},
        {"client_id": "other"},
        {"client_id": ["nagios"], "sub": ["nagios"]},
        {"client_id": "nobody", "sub": "nobody"},
        {"client_id": "NAGIOS", "sub": "NAGIOS"},
        {"jti": None},
        {"jti": 1},
        {"iat": None},
        {"exp": None},
        {"exp": "never"},
        {"iat": True},
        {"gen": None},
        {"gen": "1"},
        {"gen": True},
        {"gen": 1.0},
        {"gen": 0},
        {"gen": 2},
        {"scope": None},
        {"scope": ""},
        {"scope": "tickets admin"},
        {"scope": ["tickets"]},
        {"scope": "tickets  "},
    ],
)
def test_a_claim_that_is_missing_or_wrong_is_refused(desk: Desk, changed: dict[str, Any]) -> None:
    assert ask(desk, minted(desk, **changed)) == 401


@pytest.mark.parametrize("claim", ["nbf", "cnf", "act", "may_act", "groups", "crit", "Scope", "", "x"])
def test_a_claim_that_we_never_mint_is_refused_though_our_key_signed_it(desk: Desk, claim: str) -> None:
    assert ask(desk, minted(desk, HEADER, **{claim: 1})) == 401
    assert desk.access.refused[-1][1] == "token_invalid"


def test_times_that_we_would_not_mint_are_refused(desk: Desk) -> None:
    now = int(desk.world.clock.now().timestamp())

    assert ask(desk, minted(desk, iat=now, exp=now + 301)) == 401
    assert ask(desk, minted(desk, iat=now + 60, exp=now + 120)) == 401
    assert ask(desk, minted(desk, iat=now - 10, exp=now - 11)) == 401


def test_a_token_ends_after_five_minutes(desk: Desk) -> None:
    token = desk.token()
    desk.world.clock.advance(299)
    assert ask(desk, token) == 200

    desk.world.clock.advance(1)
    assert ask(desk, token) == 401
    assert desk.access.refused[-1][1] == "token_expired"


def test_disable_and_rotate_cut_at_the_next_request(desk: Desk) -> None:
    token = desk.token()
    desk.access.credentials[NAGIOS] = credential(NAGIOS, CLIENT_SECRET, disabled=True)
    assert ask(desk, token) == 401
    desk.access.credentials[NAGIOS] = credential(NAGIOS, CLIENT_SECRET, generation=2)
    assert ask(desk, token) == 401
    del desk.access.credentials[NAGIOS]
    assert ask(desk, token) == 401
    desk.access.credentials[NAGIOS] = credential(NAGIOS, CLIENT_SECRET)
    assert ask(desk, token) == 200

    assert [(app, cause) for app, cause, _, _ in desk.access.refused] == [
        (NAGIOS, "app_disabled"),
        (NAGIOS, "credential_changed"),
        (NAGIOS, "app_disabled"),
    ]


def test_a_reload_that_takes_the_app_or_a_scope_away_cuts_at_the_next_request(desk: Desk) -> None:
    token = desk.token()
    apps = dict(HTTP_POLICY.apps)
    desk.world.policy = replace(HTTP_POLICY, apps=apps | {NAGIOS: app_named(NAGIOS, Scope.ROLES_READ)})
    assert ask(desk, token) == 403

    del apps[NAGIOS]
    desk.world.policy = replace(HTTP_POLICY, apps=apps)
    assert ask(desk, token) == 401


def test_a_token_without_the_scope_is_told_so_on_record(desk: Desk) -> None:
    answer = desk.get("/v1/hosts", scope="roles.read")

    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "insufficient_scope"
    assert desk.access.refused == [(NAGIOS, "insufficient_scope", "/v1/hosts", answer.json["id"])]


def test_keys_rotate_by_overlap(desk: Desk) -> None:
    old, new = Secret(SIGNING_PEM), Secret(pem_of(ec.generate_private_key(ec.SECP256R1())))
    before = desk.token()

    desk.keys.swap(SigningKeys([old, new]))
    assert [ask(desk, before), ask(desk, desk.token())] == [200, 200]
    assert len(desk.client.get("/.well-known/jwks.json").get_json()["keys"]) == 2

    desk.keys.swap(SigningKeys([new, old]))
    after = desk.token()
    assert [ask(desk, before), ask(desk, after)] == [200, 200]

    desk.keys.swap(SigningKeys([new]))
    assert [ask(desk, before), ask(desk, after)] == [401, 200]


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no key",
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(APP_KEYS["RS256"]),
        pem_of(APP_KEYS["Ed25519"]),
    ],
)
def test_what_is_no_signing_key_is_refused_without_being_shown(pem: str) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        SigningKeys([Secret(SIGNING_PEM), Secret(pem)])

    assert str(caught.value) == "signing key 2 is not an EC P-256 private key in PEM"


def test_no_signing_key_at_all_is_an_error_with_advice() -> None:
    with pytest.raises(SecretUnavailable, match="broker keys signing"):
        SigningKeys([])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer a b"},
        {"Authorization": "Bearer ä"},
        {"Authorization": "Token {token}"},
        {"Authorization": "Bearer {token},Bearer {token}"},
        {"Authorization": "Bearer {token} "},
        {"Authorization": "{token}"},
        {"X-Access-Token": "{token}"},
        {"Cookie": "access_token={token}"},
        {"X-Forwarded-Authorization": "Bearer {token}"},
        basic(NAGIOS, CLIENT_SECRET),
    ],
)
def test_only_one_bearer_token_in_the_authorization_header_counts(
    desk: Desk, headers: dict[str, str]
) -> None:
    token = desk.token()
    filled = {name: value.format(token=token) for name, value in headers.items()}

    assert desk.client.get("/v1/hosts", headers=filled).status_code == 401


def test_a_token_in_the_url_or_the_body_is_none(desk: Desk) -> None:
    token = desk.token()

    assert desk.client.get(f"/v1/hosts?access_token={token}").status_code == 401
    assert desk.client.post("/v1/tickets", data={"access_token": token}).status_code == 401


def test_every_bearer_that_does_not_hold_gets_the_same_answer_but_for_the_id(desk: Desk) -> None:
    good = desk.token()
    desk.access.credentials[NAGIOS] = credential(NAGIOS, CLIENT_SECRET, disabled=True)
    tokens = [
        good,
        "x",
        minted(desk, gen=9),
        minted(desk, client_id="nobody", sub="nobody"),
        minted(desk, exp=1, iat=0),
    ]

    answers = [desk.client.get("/v1/hosts", headers={"Authorization": f"Bearer {t}"}) for t in tokens]

    bodies = {answer.text.replace((answer.json or {})["id"], "ID") for answer in answers}
    assert len(bodies) == 1
    assert {a.headers["WWW-Authenticate"] for a in answers} == {
        'Bearer realm="broker", error="invalid_token"'
    }
    assert desk.client.get("/v1/hosts").headers["WWW-Authenticate"] == 'Bearer realm="broker"'


def test_the_app_on_record_is_one_of_the_policy_or_nobody(desk: Desk) -> None:
    ask(desk, minted(desk, client_id="nobody", sub="nobody"))

    assert desk.access.refused[-1][:3] == (None, "app_unknown", "/v1/hosts")

    ask(desk, minted(desk, client_id="nobody", sub="nobody", exp=300, iat=0))

    assert desk.access.refused[-1][:3] == (None, "token_expired", "/v1/hosts")
    assert AppId("nobody") not in {app for app, *_ in desk.access.refused}
