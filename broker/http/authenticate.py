"""Who asks: the one place that makes a Caller, out of an access token and of nothing else."""

import re

from flask import Request

from broker.errors import Limited, Reason, Refused
from broker.http.context import Asked
from broker.http.limits import RequestLimits
from broker.http.oauth.tokens import AccessTokens, Cause, TokenClaims, TokenRefused
from broker.http.problems import Challenged
from broker.http.routes import AnyOf
from broker.model.issuance import Caller, Origin
from broker.model.names import AppId
from broker.model.policy import Scope
from broker.model.secret import Secret
from broker.ports.access import AccessLog
from broker.ports.issuing import Entitlements, PolicySource

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)


class Authenticator:
    """Turns a bearer token into a Caller, or turns the request away, on record.

    The app is looked up anew each time: out of the policy, disabled or with a changed credential
    means out at once, whatever its tokens say.
    """

    def __init__(
        self,
        tokens: AccessTokens,
        policy: PolicySource,
        entitlements: Entitlements,
        log: AccessLog,
        limits: RequestLimits,
    ) -> None:
        self._tokens = tokens
        self._policy = policy
        self._entitlements = entitlements
        self._log = log
        self._limits = limits

    def admit(self, request: Request, access: AnyOf, about: Asked, path: str) -> Caller:
        """The caller, with one of the scopes that the route needs.

        Raises Challenged(UNAUTHENTICATED), Refused(INSUFFICIENT_SCOPE), Limited or LogUnavailable.
        """
        try:
            caller = self._caller(request, about.origin)
        except TokenRefused as refused:
            app = refused.app if refused.app in self._policy.current().apps else None
            about.answer_as(
                self._log.access_refused(app, Reason.UNAUTHENTICATED, path, about.origin, refused.cause)
            )
            self._count_failure(app, about.origin.address)
            raise Challenged(Reason.UNAUTHENTICATED, refused.cause, _challenge(refused.cause)) from None
        if not caller.scopes & access.scopes:
            about.answer_as(
                self._log.access_refused(caller.app, Reason.INSUFFICIENT_SCOPE, path, about.origin)
            )
            raise Refused(Reason.INSUFFICIENT_SCOPE, path)
        return caller

    def _count_failure(self, app: AppId | None, address: str) -> None:
        """Raises Limited when the address failed too often, but not to whoever held a token of ours.

        An app has to learn that it needs a new one, however often its neighbours fail.
        """
        try:
            self._limits.count_failed_authentication(address)
        except Limited:
            if app is None:
                raise

    def _caller(self, request: Request, origin: Origin) -> Caller:
        claims = self._tokens.read(_presented(request))
        scopes = self._standing(claims)
        return Caller(claims.app, claims.scopes & scopes, claims.generation, origin)

    def _standing(self, claims: TokenClaims) -> frozenset[Scope]:
        """The scopes that the app may have now. Raises TokenRefused where it stands no longer."""
        app = self._policy.current().apps.get(claims.app)
        if app is None:
            raise TokenRefused(Cause.APP_UNKNOWN)
        credential = self._entitlements.now().credential(app.id)
        if credential is None or credential.disabled:
            raise TokenRefused(Cause.APP_DISABLED, app.id)
        if credential.generation != claims.generation:
            raise TokenRefused(Cause.CREDENTIAL_CHANGED, app.id)
        return app.scopes


def _presented(request: Request) -> Secret:
    """The token of the Authorization header: never one of the URL, the body or a cookie."""
    header = request.headers.get("Authorization")
    if header is None:
        raise TokenRefused(Cause.MISSING)
    match = _BEARER.fullmatch(header)
    if match is None:
        raise TokenRefused(Cause.INVALID)
    return Secret(match[1])


def _challenge(cause: str) -> str:
    """RFC 6750, 3: the error only where a token was shown. One text for every cause but that."""
    if cause == Cause.MISSING:
        return 'Bearer realm="broker"'
    return 'Bearer realm="broker", error="invalid_token"'
