"""How an app says who it is at the token endpoint: a signed assertion, or a secret."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from urllib.parse import quote_plus

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.client.errors import ClientError
from broker.model.secret import Secret
from broker.ports.clock import Clock

ASSERTION_LIFE_S = 60
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Proven:
    """What goes into one token request beside the grant: form fields and headers. Used once."""

    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class ClientCredential(Protocol):
    """Who the app is, and how it proves it."""

    def prove(self, audience: str, clock: Clock) -> Proven:
        """A proof for one token request to `audience`, the broker's issuer URL."""
        ...


class KeyCredential:
    """private_key_jwt (RFC 7523): an assertion of one minute, signed with the app's own key.

    EC P-256 signs ES256, Ed25519 signs Ed25519 (RFC 9864), RSA signs PS256 unless `algorithm`
    says RS256: the broker takes the one that the key is registered with. Raises ClientError for
    any other key or algorithm.
    """

    def __init__(
        self, client_id: str, pem: Secret, key_id: str | None = None, algorithm: str | None = None
    ) -> None:
        self._client_id = client_id
        self._key_id = key_id
        fitting, self._key = _signing_key(pem)
        self._algorithm = algorithm or fitting[0]
        if self._algorithm not in fitting:
            raise ClientError(f"the app's private key signs {' or '.join(fitting)}")

    def prove(self, audience: str, clock: Clock) -> Proven:
        """A fresh assertion with a `jti` of its own."""
        now = clock.now()
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(24),
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=ASSERTION_LIFE_S)).timestamp()),
        }
        header = {"alg": self._algorithm, "typ": "JWT"} | ({"kid": self._key_id} if self._key_id else {})
        assertion = jwt.encode(header, claims, self._key, algorithms=[self._algorithm])
        return Proven(form={"client_assertion_type": _ASSERTION_TYPE, "client_assertion": assertion})


def _signing_key(pem: Secret) -> tuple[tuple[str, ...], ECKey | OKPKey | RSAKey]:
    encoded = pem.reveal().encode()
    try:
        key = load_pem_private_key(encoded, password=None)
    except (ValueError, TypeError):
        raise ClientError("the app's private key is not an unencrypted PEM key") from None
    match key:
        case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
            return ("ES256",), ECKey.import_key(encoded)
        case ed25519.Ed25519PrivateKey():
            return ("Ed25519",), OKPKey.import_key(encoded)
        case rsa.RSAPrivateKey():
            return ("PS256", "RS256"), RSAKey.import_key(encoded)
    raise ClientError("the app's private key must be EC P-256, Ed25519 or RSA")


class SecretCredential:
    """client_secret_basic (RFC 6749, 2.3.1): id and secret form-encoded, then Basic."""

    def __init__(self, client_id: str, secret: Secret) -> None:
        self._client_id = client_id
        self._secret = secret

    def prove(self, audience: str, clock: Clock) -> Proven:  # noqa: ARG002 - a secret has neither audience nor time
        """The Authorization header."""
        pair = f"{quote_plus(self._client_id)}:{quote_plus(self._secret.reveal())}"
        return Proven(headers={"Authorization": f"Basic {b64encode(pair.encode()).decode()}"})
