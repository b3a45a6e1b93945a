"""private_key_jwt (RFC 7523): an app signs, with a key of the policy, that it is itself, here, now, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc7523.client import ASSERTION_TYPE
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from broker.http.oauth.budget import TokenBudget
from broker.http.oauth.clients import Client, ClientCause, ClientDenied
from broker.http.oauth.jose import NotAToken, UnverifiedToken, read_unverified, signature_holds
from broker.http.oauth.nobody import NobodysKeys
from broker.model.policy import PublicKey
from broker.ports.access import ReplayGuard
from broker.ports.clock import Clock

LIFE_S = 300
_SKEW_S = 30
"""How far an app's clock may be off."""
_JTI_CHARACTERS = 256

SIGNING_ALGORITHMS = ("ES256", "Ed25519", "EdDSA", "RS256", "PS256")

_WRITTEN_AS = {
    "ES256": frozenset({"ES256"}),
    "RS256": frozenset({"RS256"}),
    "PS256": frozenset({"PS256"}),
    "Ed25519": frozenset({"Ed25519", "EdDSA"}),
    "EdDSA": frozenset({"Ed25519", "EdDSA"}),
}
"""What a header may say for a key that is registered for an algorithm."""

_KINDS: Mapping[str, type[ECKey | OKPKey | RSAKey]] = {
    "ES256": ECKey,
    "RS256": RSAKey,
    "PS256": RSAKey,
    "Ed25519": OKPKey,
    "EdDSA": OKPKey,
}

_TYPES = frozenset({None, "JWT", "jwt", "client-authentication+jwt"})


@dataclass(frozen=True, slots=True)
class _Claims:
    jti: str
    until: datetime


class AssertionAuthentication:
    """The method as Authlib calls it: a client, None where no assertion came, or ClientDenied.

    `audiences` are this broker's token endpoint and issuer.
    """

    def __init__(
        self, audiences: frozenset[str], budget: TokenBudget, replay: ReplayGuard, clock: Clock
    ) -> None:
        self._audiences = audiences
        self._budget = budget
        self._replay = replay
        self._clock = clock
        self._imported = lru_cache(maxsize=4096)(_import)
        self._nobody = NobodysKeys()

    def __call__(self, find: Callable[[object], Client | None], request: OAuth2Request) -> Client | None:
        """Signature first, then claims, then the credential and the budget; the jti is claimed last of all.

        What an app may write into the store is bounded by its budget. Raises Limited, on record.
        """
        form: Any = request.form
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
            return None
        if "Authorization" in request.headers:
            raise ClientDenied(ClientCause.TWO_CREDENTIALS)
        try:
            token = read_unverified(form["client_assertion"])
        except NotAToken:
            raise ClientDenied(ClientCause.UNREADABLE) from None
        client = find(token.claims.get("sub"))
        if client is None:
            self._nobody.spend(token)
            raise ClientDenied(ClientCause.APP_UNKNOWN)
        self._check(token, client, form.get("client_id"))
        return client

    def _check(self, token: UnverifiedToken, client: Client, client_id: str | None) -> None:
        app = client.app.id
        if cause := self._wrong_signature(token, client):
            raise ClientDenied(cause, app)
        if token.claims.get("iss") != app or client_id not in (None, app):
            raise ClientDenied(ClientCause.WRONG_ISSUER, app)
        if _audience(token.claims.get("aud")) not in self._audiences:
            raise ClientDenied(ClientCause.WRONG_AUDIENCE, app)
        claims = self._once(token, client)
        if client.credential.disabled:
            raise ClientDenied(ClientCause.APP_DISABLED, app)
        self._budget.charge(client)
        if not self._replay.first_use(app, claims.jti, claims.until):
            raise ClientDenied(ClientCause.REPLAYED, app)

    def _wrong_signature(self, token: UnverifiedToken, client: Client) -> ClientCause | None:
        """The registered key decides the algorithm; the header must agree with it."""
        keys = [key for key in client.app.keys if token.key_id in (None, key.key_id)]
        fitting = [key for key in keys if token.algorithm in _WRITTEN_AS.get(key.algorithm, frozenset())]
        if not fitting:
            self._nobody.spend(token)
            return ClientCause.WRONG_ALGORITHM if keys else ClientCause.WRONG_KEY
        if not any(
            signature_holds(token, self._imported(key), _WRITTEN_AS[key.algorithm]) for key in fitting
        ):
            return ClientCause.BAD_SIGNATURE
        return None if token.type in _TYPES else ClientCause.UNREADABLE

    def _once(self, token: UnverifiedToken, client: Client) -> _Claims:
        """The jti, and until when it must be remembered: as long as the assertion could be accepted."""
        issued, expires = _seconds(token.claims.get("iat")), _seconds(token.claims.get("exp"))
        not_before = _seconds(token.claims.get("nbf", issued))
        now = self._clock.now().timestamp()
        if issued is None or expires is None or not_before is None:
            raise ClientDenied(ClientCause.WRONG_TIMES, client.app.id)
        if (
            not 0 < expires - issued <= LIFE_S
            or max(issued, not_before) > now + _SKEW_S
            or expires <= now - _SKEW_S
        ):
            raise ClientDenied(ClientCause.WRONG_TIMES, client.app.id)
        jti = token.claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_CHARACTERS or not jti.isprintable():
            raise ClientDenied(ClientCause.NO_JTI, client.app.id)
        return _Claims(jti, datetime.fromtimestamp(expires + 2 * _SKEW_S, UTC))


def _audience(told: object) -> str | None:
    """One audience: an assertion that is good elsewhere too could be carried here from there."""
    if isinstance(told, list) and len(told) == 1:
        told = told[0]
    return told if isinstance(told, str) else None


def _seconds(told: object) -> float | None:
    """A NumericDate (RFC 7519); true is no number, and nothing beyond the year 9999 is a time."""
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return float(told) if 0 <= told < 253_402_300_000 else None  # noqa: PLR2004 - 9999-12-31


def _import(key: PublicKey) -> Key:
    return _KINDS[key.algorithm].import_key(key.pem)
