"""Access tokens (RFC 9068): minted for five minutes, and read back with every claim checked."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from joserfc import jwt

from broker.http.oauth.jose import NotAToken, read_unverified, signature_holds
from broker.http.oauth.keys import ALGORITHM, KeyRing
from broker.http.oauth.verified import Verified, VerifiedTokens
from broker.model.names import AppId
from broker.model.policy import Scope
from broker.model.secret import Secret
from broker.ports.clock import Clock

TOKEN_LIFE_S = 300
TYPE = "at+jwt"
_CLAIMS = frozenset({"iss", "aud", "sub", "client_id", "jti", "iat", "exp", "scope", "gen"})
"""What `mint` writes. A token with more or less is not one of ours, whoever signed it."""
_SKEW_S = 5
"""How far the clocks of two processes behind one issuer may be apart."""


class Cause(StrEnum):
    """Why a bearer is turned away: for the log, never for the caller."""

    MISSING = "token_missing"
    INVALID = "token_invalid"
    EXPIRED = "token_expired"
    APP_UNKNOWN = "app_unknown"
    APP_DISABLED = "app_disabled"
    CREDENTIAL_CHANGED = "credential_changed"

    @property
    def meaning(self) -> str:
        """One line for the reference."""
        return _MEANINGS[self]


_MEANINGS: Mapping[Cause, str] = {
    Cause.MISSING: "No Authorization header came along.",
    Cause.INVALID: "The header is no bearer token, or the token is not one of ours.",
    Cause.EXPIRED: "The token's five minutes are over.",
    Cause.APP_UNKNOWN: "The app of the token is not in the policy any more.",
    Cause.APP_DISABLED: "An operator cut the app of the token.",
    Cause.CREDENTIAL_CHANGED: "The app got a new secret, or was cut, after the token was minted.",
}


class TokenRefused(Exception):
    """The token is not one of ours, or not good any more."""

    def __init__(self, cause: Cause, app: AppId | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.app = app


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token that holds says: its app, its scopes, the generation of the credential behind it."""

    app: AppId
    scopes: frozenset[Scope]
    generation: int


class AccessTokens:
    """Mints and reads the tokens of one issuer, which is their audience too."""

    def __init__(self, keys: KeyRing, issuer: str, clock: Clock) -> None:
        self.keys = keys
        self._issuer = issuer
        self._clock = clock
        self._verified = VerifiedTokens[TokenClaims]()

    def mint(self, claims: TokenClaims) -> Secret:
        """A token for these claims, signed with the first key."""
        now = int(self._clock.now().timestamp())
        key_id, key = self.keys.current().signing()
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": key_id}
        body = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": claims.app,
            "client_id": claims.app,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + TOKEN_LIFE_S,
            "scope": " ".join(sorted(claims.scopes)),
            "gen": claims.generation,
        }
        return Secret(jwt.encode(header, body, key, algorithms=[ALGORITHM]))

    def holder(self, presented: str) -> AppId | None:
        """Whose token this is, if its signature was checked before; whether it is still good is not said."""
        verified = self._verified.known(_digest(presented))
        return verified.claims.app if verified else None

    def read(self, presented: Secret) -> TokenClaims:
        """Check the signature and every claim. Raises TokenRefused(INVALID), or (EXPIRED) with its app.

        Says nothing of the app as it is now: that is looked up by who asked.
        """
        digest = _digest(presented.reveal())
        verified = self._verified.known(digest)
        if verified is None:
            verified = self._verify(presented)
            self._verified.keep(digest, verified)
        if self.keys.current().accepted(verified.key_id) is None:
            raise TokenRefused(Cause.INVALID)
        self._check_times(verified)
        return verified.claims

    def _verify(self, presented: Secret) -> Verified[TokenClaims]:
        try:
            token = read_unverified(presented.reveal())
        except NotAToken:
            raise TokenRefused(Cause.INVALID) from None
        key_id = token.key_id or ""
        key = self.keys.current().accepted(key_id)
        if key is None or token.type != TYPE or not signature_holds(token, key, frozenset({ALGORITHM})):
            raise TokenRefused(Cause.INVALID)
        return self._checked(token.claims, key_id)

    def _checked(self, told: Mapping[str, object], key_id: str) -> Verified[TokenClaims]:
        if told.keys() != _CLAIMS:
            raise TokenRefused(Cause.INVALID)
        app, generation = told.get("client_id"), told.get("gen")
        if told.get("iss") != self._issuer or told.get("aud") != self._issuer:
            raise TokenRefused(Cause.INVALID)
        if not isinstance(app, str) or told.get("sub") != app or not isinstance(told.get("jti"), str):
            raise TokenRefused(Cause.INVALID)
        issued, expires = told.get("iat"), told.get("exp")
        if type(generation) is not int or type(issued) is not int or type(expires) is not int:
            raise TokenRefused(Cause.INVALID)
        claims = TokenClaims(AppId(app), _scopes(told.get("scope")), generation)
        return Verified(key_id, claims, issued, expires)

    def _check_times(self, verified: Verified[TokenClaims]) -> None:
        now = self._clock.now().timestamp()
        if verified.issued > now + _SKEW_S or not 0 < verified.expires - verified.issued <= TOKEN_LIFE_S:
            raise TokenRefused(Cause.INVALID)
        if verified.expires <= now:
            raise TokenRefused(Cause.EXPIRED, verified.claims.app)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _scopes(told: object) -> frozenset[Scope]:
    try:
        return frozenset(Scope(word) for word in str(told).split(" "))
    except ValueError:
        raise TokenRefused(Cause.INVALID) from None
