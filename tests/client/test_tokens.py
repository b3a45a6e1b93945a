import base64
import urllib.parse

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.client.errors import ClientError
from broker.client.tokens import KeyCredential, SecretCredential
from broker.model.secret import Secret
from tests.support.clock import HandClock

ISSUER = "https://broker.example.com"


def pem_of(key: PrivateKeyTypes) -> Secret:
    return Secret(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )


KEYS = [
    pytest.param(ec.generate_private_key(ec.SECP256R1()), ECKey, "ES256", id="ec"),
    pytest.param(ed25519.Ed25519PrivateKey.generate(), OKPKey, "Ed25519", id="ed25519"),
    pytest.param(rsa.generate_private_key(65537, 2048), RSAKey, "PS256", id="rsa"),
]


@pytest.mark.parametrize(("key", "kind", "algorithm"), KEYS)
def test_an_assertion_is_signed_with_the_one_algorithm_of_its_key(
    key: PrivateKeyTypes, kind: type[ECKey | OKPKey | RSAKey], algorithm: str
) -> None:
    pem = pem_of(key)
    clock = HandClock()
    form = KeyCredential("monitoring", pem, "key-1").prove(ISSUER, clock).form
    token = jwt.decode(form["client_assertion"], kind.import_key(pem.reveal()), algorithms=[algorithm])
    assert token.header == {"alg": algorithm, "typ": "JWT", "kid": "key-1"}
    assert token.claims["iss"] == token.claims["sub"] == "monitoring"
    assert token.claims["aud"] == ISSUER
    assert token.claims["iat"] == int(clock.now().timestamp())
    assert token.claims["exp"] - token.claims["iat"] == 60
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_no_two_assertions_carry_the_same_jti() -> None:
    pem = pem_of(ec.generate_private_key(ec.SECP256R1()))
    credential = KeyCredential("monitoring", pem)
    key = ECKey.import_key(pem.reveal())
    told = [credential.prove(ISSUER, HandClock()).form["client_assertion"] for _ in range(2)]
    one, other = (jwt.decode(text, key, algorithms=["ES256"]) for text in told)
    assert one.claims["jti"] != other.claims["jti"]
    assert "kid" not in one.header


def test_an_rsa_key_may_be_registered_for_rs256() -> None:
    pem = pem_of(rsa.generate_private_key(65537, 2048))
    form = KeyCredential("monitoring", pem, algorithm="RS256").prove(ISSUER, HandClock()).form
    token = jwt.decode(form["client_assertion"], RSAKey.import_key(pem.reveal()), algorithms=["RS256"])
    assert token.header["alg"] == "RS256"
    with pytest.raises(ClientError, match="PS256 or RS256"):
        KeyCredential("monitoring", pem, algorithm="HS256")


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), ed448.Ed448PrivateKey.generate()], ids=["p384", "ed448"]
)
def test_a_key_of_another_kind_is_refused(key: PrivateKeyTypes) -> None:
    with pytest.raises(ClientError, match="must be EC P-256, Ed25519 or RSA"):
        KeyCredential("monitoring", pem_of(key))


def test_what_is_no_key_is_refused_without_repeating_it() -> None:
    with pytest.raises(ClientError) as refused:
        KeyCredential("monitoring", Secret("canary-key-text"))
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_id_and_secret_are_form_encoded_before_basic() -> None:
    proven = SecretCredential("monitoring", Secret("a:b c+ü%")).prove(ISSUER, HandClock())
    scheme, _, encoded = proven.headers["Authorization"].partition(" ")
    user, _, password = base64.b64decode(encoded).decode().partition(":")
    assert (scheme, user) == ("Basic", "monitoring")
    assert urllib.parse.unquote_plus(password) == "a:b c+ü%"
    assert ":" not in password


def test_what_proves_the_app_does_not_print() -> None:
    proven = SecretCredential("monitoring", Secret("canary")).prove(ISSUER, HandClock())
    assert base64.b64encode(b"monitoring:canary").decode() not in repr(proven)
