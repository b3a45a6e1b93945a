"""private_key_jwt: an assertion is good for one app, one broker, one time and five minutes at most."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey, Key

from broker.model.policy import Scope
from tests.support.http_fakes import (
    HTTP_POLICY,
    ISSUER,
    NAGIOS,
    OTHER,
    PUBLIC_KEYS,
    SIGNING_PEM,
    TOKEN_ENDPOINT,
    Desk,
    app_named,
    b64,
    basic,
    credential,
    make_desk,
    pem_of,
    public_pem_of,
    sign,
    signing_key,
)

ES256 = {"alg": "ES256", "kid": "k-es256", "typ": "JWT"}
INVALID = {"error": "invalid_client", "error_description": "The client could not be authenticated."}


def turned_away(desk: Desk, assertion: str, cause: str, **form: str) -> None:
    """The same answer as for everything else, no token, and the cause on record."""
    answer = desk.assert_token(assertion, **form)
    assert (answer.status_code, answer.json) == (401, INVALID)
    assert desk.access.turned_away[-1][1] == cause
    assert desk.access.issued == []


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ES256", "kid": "k-es256"},
        {"alg": "ES256"},
        {"alg": "Ed25519", "kid": "k-ed25519", "typ": "JWT"},
        {"alg": "EdDSA", "kid": "k-ed25519", "typ": "JWT"},
        {"alg": "RS256", "kid": "k-rs256", "typ": "client-authentication+jwt"},
        {"alg": "PS256", "kid": "k-ps256"},
    ],
)
def test_each_algorithm_works_with_the_key_that_is_registered_for_it(
    desk: Desk, header: dict[str, str]
) -> None:
    answer = desk.assert_token(sign(desk.claims(), header))

    assert answer.status_code == 200, desk.access.turned_away
    assert desk.access.issued == [(NAGIOS, "private_key_jwt", ("tickets",))]


@pytest.mark.parametrize("audience", [ISSUER, TOKEN_ENDPOINT, [TOKEN_ENDPOINT]])
def test_the_issuer_and_the_token_endpoint_are_audiences(desk: Desk, audience: object) -> None:
    assert desk.assert_token(sign(desk.claims(aud=audience), ES256)).status_code == 200


@pytest.mark.parametrize(
    "audience",
    [
        None,
        "",
        [],
        "https://other.example.com/oauth2/token",
        TOKEN_ENDPOINT + "/",
        TOKEN_ENDPOINT + "\n",
        ISSUER + ".evil.example.com",
        "broker.example.com",
        TOKEN_ENDPOINT.upper(),
        [TOKEN_ENDPOINT, "https://other.example.com"],
        [[TOKEN_ENDPOINT]],
        {"aud": TOKEN_ENDPOINT},
        [ISSUER, TOKEN_ENDPOINT],
        1,
    ],
)
def test_any_other_audience_is_refused(desk: Desk, audience: object) -> None:
    turned_away(desk, sign(desk.claims(aud=audience), ES256), "wrong_audience")


def test_an_assertion_works_once(desk: Desk) -> None:
    assertion = sign(desk.claims(), ES256)

    assert desk.assert_token(assertion).status_code == 200
    assert desk.assert_token(assertion).json == INVALID
    assert desk.access.turned_away[-1][1] == "replayed"


def test_a_used_jti_is_remembered_for_as_long_as_the_assertion_could_be_accepted(desk: Desk) -> None:
    claims = desk.claims(exp=int(desk.world.clock.now().timestamp()) + 300)

    assert desk.assert_token(sign(claims, ES256)).status_code == 200
    assert desk.access.until[0] > desk.world.clock.now() + timedelta(seconds=300 + 30)


def test_a_jti_counts_for_its_app_only_and_a_bad_assertion_uses_none_up(desk: Desk) -> None:
    good = desk.claims(jti="one")
    stranger = ECKey.import_key(pem_of(ec.generate_private_key(ec.SECP256R1())))
    turned_away(desk, sign(good, ES256, stranger), "bad_signature")
    turned_away(desk, sign(good | {"aud": "x"}, ES256), "wrong_audience")

    assert desk.assert_token(sign(good, ES256)).status_code == 200


@pytest.mark.parametrize("jti", [None, "", 7, ["x"], "x" * 300, "a\nb", True])
def test_an_assertion_without_a_usable_jti_is_refused(desk: Desk, jti: object) -> None:
    turned_away(desk, sign(desk.claims(jti=jti), ES256), "no_jti")


Times = Callable[[int], Mapping[str, object]]


@pytest.mark.parametrize(
    "times",
    [
        lambda now: {"exp": None},
        lambda now: {"iat": None},
        lambda now: {"exp": now + 301},
        lambda now: {"exp": now + 115 * 86400},
        lambda now: {"iat": now - 400, "exp": now - 200},
        lambda now: {"iat": now - 60, "exp": now - 31},
        lambda now: {"iat": now + 31, "exp": now + 90},
        lambda now: {"iat": now, "exp": now},
        lambda now: {"iat": now, "exp": now - 1},
        lambda now: {"nbf": now + 86400},
        lambda now: {"nbf": "soon"},
        lambda now: {"exp": str(now + 60)},
        lambda now: {"exp": True},
        lambda now: {"iat": False},
        lambda now: {"iat": -1, "exp": 100},
        lambda now: {"exp": 10**18},
        lambda now: {"exp": [now + 60]},
    ],
)
def test_times_that_do_not_hold_are_refused(desk: Desk, times: Times) -> None:
    changed = dict(times(int(desk.world.clock.now().timestamp())))

    turned_away(desk, sign(desk.claims(**changed), ES256), "wrong_times")


@pytest.mark.parametrize(
    "times",
    [
        lambda now: {"iat": now - 10, "exp": now + 290},
        lambda now: {"iat": now + 20, "exp": now + 80},
        lambda now: {"iat": now - 60, "exp": now - 10},
        lambda now: {"iat": now + 0.5, "exp": now + 60.5},
        lambda now: {"nbf": now - 5},
    ],
)
def test_clocks_may_be_half_a_minute_apart(desk: Desk, times: Times) -> None:
    changed = dict(times(int(desk.world.clock.now().timestamp())))

    assert desk.assert_token(sign(desk.claims(**changed), ES256)).status_code == 200


def test_the_key_decides_the_algorithm_never_the_header(desk: Desk) -> None:
    turned_away(desk, sign(desk.claims(), {"alg": "PS256", "kid": "k-rs256"}), "wrong_algorithm")
    turned_away(desk, sign(desk.claims(), {"alg": "RS256", "kid": "k-ps256"}), "wrong_algorithm")
    turned_away(desk, sign(desk.claims(), {"alg": "ES256", "kid": "k-rs256"}), "wrong_algorithm")
    turned_away(desk, sign(desk.claims(), {"alg": "RS256", "kid": "k-es256"}), "wrong_algorithm")


@pytest.mark.parametrize("public", PUBLIC_KEYS, ids=lambda key: key.key_id)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(desk: Desk, public: Any, algorithm: str) -> None:
    header = {"alg": algorithm, "kid": public.key_id}

    turned_away(desk, sign(desk.claims(), header, public.pem.encode()), "wrong_algorithm")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_an_unsigned_assertion_is_refused(desk: Desk, algorithm: str) -> None:
    head, payload = b64(json.dumps({"alg": algorithm, "kid": "k-es256"})), b64(json.dumps(desk.claims()))

    turned_away(desk, f"{head}.{payload}.AA", "wrong_algorithm")
    turned_away(desk, f"{head}.{payload}.", "unreadable_credentials")


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"jku": "https://169.254.169.254/keys"},
        {"x5u": "https://evil.example.com/x"},
        {"jwk": signing_key().as_dict(private=False)},
        {"x5c": ["MIIB"]},
        {"x5t": "x"},
        {"zip": "DEF"},
        {"kid": 1},
        {"kid": None},
        {"typ": ["JWT"]},
    ],
)
def test_a_header_that_brings_or_names_a_key_or_demands_more_is_refused(
    desk: Desk, extra: dict[str, object]
) -> None:
    turned_away(desk, sign(desk.claims(), ES256 | extra), "unreadable_credentials")


@pytest.mark.parametrize("typ", ["at+jwt", "JOSE", ""])
def test_a_token_of_another_type_is_no_assertion(desk: Desk, typ: str) -> None:
    turned_away(desk, sign(desk.claims(), ES256 | {"typ": typ}), "unreadable_credentials")


def test_an_access_token_is_no_assertion(desk: Desk) -> None:
    token = desk.token()
    desk.access.issued.clear()

    turned_away(desk, token, "no_such_key")


def test_the_brokers_own_key_signs_for_no_app(desk: Desk) -> None:
    turned_away(desk, sign(desk.claims(), ES256, signing_key(SIGNING_PEM)), "bad_signature")


@pytest.mark.parametrize("kid", ["k-other", "", "../k-es256", "k-es256\n", "K-ES256"])
def test_a_key_id_that_is_not_the_apps_is_refused(desk: Desk, kid: str) -> None:
    turned_away(desk, sign(desk.claims(), ES256 | {"kid": kid}), "no_such_key")


def test_issuer_subject_and_client_id_are_one_app(desk: Desk) -> None:
    turned_away(desk, sign(desk.claims(iss=OTHER), ES256), "wrong_issuer")
    turned_away(desk, sign(desk.claims(iss=None), ES256), "wrong_issuer")
    turned_away(desk, sign(desk.claims(iss=NAGIOS + "\n"), ES256), "wrong_issuer")
    turned_away(desk, sign(desk.claims(), ES256), "wrong_issuer", client_id=OTHER)
    turned_away(desk, sign(desk.claims(sub=OTHER), ES256), "no_such_key")


@pytest.mark.parametrize(
    "subject", [None, "nobody", "NAGIOS", "nagios\n", "nag\u0131os", 1, ["nagios"], {"a": 1}, "", "..", "*"]
)
def test_an_unknown_app_is_told_what_a_wrong_key_is_told(desk: Desk, subject: object) -> None:
    turned_away(desk, sign(desk.claims(sub=subject, iss=subject), ES256), "app_unknown")


@pytest.mark.parametrize(
    "payload",
    [
        '{"sub":"nagios","sub":"nagios"}',
        "[]",
        '"nagios"',
        "null",
        "{",
        '{"exp":1e999}',
        '{"exp":NaN}',
        '{"exp":' + "9" * 5000 + "}",
        '{"a":' * 40 + "1" + "}" * 40,
        "\ufeff{}",
    ],
)
def test_claims_that_two_readers_could_take_differently_are_refused(desk: Desk, payload: str) -> None:
    turned_away(desk, sign(payload, ES256), "unreadable_credentials")


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e", "ä.b.c", "a.b.c\n", " a.b.c", "x" * 9000, "e30.e30.e30"],
)
def test_what_is_no_compact_jws_is_refused(desk: Desk, text: str) -> None:
    assert desk.assert_token(text).json == INVALID


def test_a_header_with_a_key_twice_is_refused(desk: Desk) -> None:
    _, payload, signature = sign(desk.claims(), ES256).split(".")
    head = b64('{"alg":"ES256","alg":"ES256","kid":"k-es256"}')

    turned_away(desk, f"{head}.{payload}.{signature}", "unreadable_credentials")


def test_a_changed_signature_or_payload_is_refused(desk: Desk) -> None:
    head, payload, signature = sign(desk.claims(), ES256).split(".")
    other = b64(json.dumps(desk.claims(jti="another")))

    turned_away(desk, f"{head}.{other}.{signature}", "bad_signature")
    turned_away(desk, f"{head}.{payload}.{signature[:-4]}AAAA", "bad_signature")
    turned_away(desk, f"{head}.{payload}.{'A' * 86}", "bad_signature")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ES256", "kid": "k-es256"},
        {"alg": "Ed25519", "kid": "k-ed25519"},
        {"alg": "EdDSA", "kid": "k-ed25519"},
        {"alg": "RS256", "kid": "k-rs256"},
        {"alg": "PS256", "kid": "k-ps256"},
    ],
)
def test_an_unknown_client_costs_the_one_signature_check_of_a_known_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, header: dict[str, str]
) -> None:
    checked: list[str] = []
    check = jws.deserialize_compact

    def counted(text: str, key: Key, **more: Any) -> object:
        checked.append(key.key_type)
        return check(text, key, **more)

    monkeypatch.setattr(jws, "deserialize_compact", counted)
    turned_away(desk, sign(desk.claims(aud="x"), header), "wrong_audience")
    known = checked.copy()
    assert len(known) == 1

    for claims, kid, cause in (
        (desk.claims(sub="nobody", iss="nobody"), header["kid"], "app_unknown"),
        (desk.claims(sub=OTHER, iss=OTHER), header["kid"], "no_such_key"),
        (desk.claims(), "k-of-nobody", "no_such_key"),
    ):
        checked.clear()
        turned_away(desk, sign(claims, header | {"kid": kid}), cause)
        assert checked == known, "as many checks, of the same kind of key"


def test_two_ways_to_authenticate_at_once_are_refused(desk: Desk) -> None:
    form = {
        "grant_type": "client_credentials",
        "scope": "tickets",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": sign(desk.claims(), ES256),
    }

    answer = desk.client.post("/oauth2/token", data=form, headers=basic(NAGIOS, "x"))

    assert answer.json == INVALID
    assert desk.access.turned_away[-1][1] == "two_credentials"


def test_a_disabled_app_gets_no_token_and_keeps_its_jti(desk: Desk) -> None:
    assertion = sign(desk.claims(), ES256)
    desk.access.credentials[NAGIOS] = credential(NAGIOS, disabled=True)
    turned_away(desk, assertion, "app_disabled")

    desk.access.credentials[NAGIOS] = credential(NAGIOS)
    assert desk.assert_token(assertion).status_code == 200


def test_an_app_with_keys_alone_has_no_secret(desk: Desk) -> None:
    desk.access.credentials[NAGIOS] = credential(NAGIOS)

    assert desk.ask_token(secret="").json == INVALID
    assert desk.assert_token(sign(desk.claims(), ES256)).status_code == 200


def test_several_keys_of_one_algorithm_are_all_tried_where_no_key_id_is_given() -> None:
    stranger = replace(PUBLIC_KEYS[0], key_id="k-next", pem=PUBLIC_KEYS[0].pem)
    decoy = ec.generate_private_key(ec.SECP256R1())

    keys = (replace(PUBLIC_KEYS[0], key_id="k-decoy", pem=public_pem_of(decoy)), stranger)
    apps = {**HTTP_POLICY.apps, NAGIOS: app_named(NAGIOS, Scope.TICKETS, keys=keys)}
    desk = make_desk(replace(HTTP_POLICY, apps=apps))

    assert desk.assert_token(sign(desk.claims(), {"alg": "ES256"})).status_code == 200
