"""The authorization server: Authlib's, with client credentials only and one answer to every wrong client."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from flask import Request, Response
from werkzeug.datastructures import MultiDict

from broker.errors import Reason
from broker.http.context import asked
from broker.http.limits import RequestLimits
from broker.http.oauth.assertion import AssertionAuthentication
from broker.http.oauth.budget import TokenBudget
from broker.http.oauth.client_secret import BasicAuthentication
from broker.http.oauth.clients import (
    CLIENT_SECRET_BASIC,
    GRANT_TYPE,
    METHODS,
    PRIVATE_KEY_JWT,
    Client,
    ClientCause,
    ClientDenied,
    Clients,
)
from broker.http.oauth.tokens import TOKEN_LIFE_S, AccessTokens, TokenClaims
from broker.model.policy import Scope
from broker.ports.access import AccessLog

CHALLENGE = 'Basic realm="broker"'
REQUEST_ID = "Broker-Request-Id"
"""RFC 6749 has no place for an id in the body of a refusal."""

_DESCRIPTIONS = {
    "invalid_client": "The client could not be authenticated.",
    "invalid_scope": "Ask for one or more scopes that this client may have, by name.",
    "invalid_request": "Send each parameter once, as application/x-www-form-urlencoded in the body.",
    "unsupported_grant_type": "The grant type is client_credentials.",
    "unauthorized_client": "The grant type is client_credentials.",
}
"""What the caller is told; Authlib's own texts repeat what was sent and tell unknown clients apart."""

_REASONS = {
    "invalid_client": Reason.INVALID_CLIENT,
    "invalid_scope": Reason.INSUFFICIENT_SCOPE,
}
"""What errors of RFC 6749 are in our list; the others are `invalid_request`."""

_FORM = "application/x-www-form-urlencoded"


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """The form and nothing else: what stands in a URL ends in logs."""

    def __init__(self, form: MultiDict[str, str]) -> None:
        self._form = form

    @property
    def data(self) -> Mapping[str, str]:
        return self._form


class _TokenRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A request to the token endpoint under its configured address, whatever Host header came along."""

    def __init__(self, request: Request, endpoint: str) -> None:
        super().__init__(method=request.method, uri=endpoint, headers=request.headers)
        self._given = request.form
        self.payload = _Payload(request.form)

    @property
    def form(self) -> MultiDict[str, str]:
        return self._given


class _ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    """Authlib's grant without its log lines, one of which prints the token, and with a scope demanded."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def validate_token_request(self) -> None:
        self.request.client = self.authenticate_token_endpoint_client()
        self.server.check_scope(self.request.client, self.request.payload.scope)

    def create_token_response(self) -> tuple[int, dict[str, object], Sequence[tuple[str, str]]]:
        token = self.generate_token(scope=self.request.payload.scope, include_refresh_token=False)
        self.save_token(token)
        return 200, token, self.TOKEN_RESPONSE_HEADER


@dataclass(frozen=True, slots=True)
class TokenRooms:
    """What the token endpoint works with."""

    clients: Clients
    tokens: AccessTokens
    by_assertion: AssertionAuthentication
    by_secret: BasicAuthentication
    budget: TokenBudget
    log: AccessLog
    limits: RequestLimits


class TokenServer(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Gives access tokens to clients that authenticate. Every token and every refusal is on record first."""

    def __init__(self, endpoint: str, rooms: TokenRooms) -> None:
        super().__init__(scopes_supported=[str(scope) for scope in Scope])
        self._endpoint = endpoint
        self._rooms = rooms
        self.register_client_auth_method(PRIVATE_KEY_JWT, rooms.by_assertion)
        self.register_client_auth_method(CLIENT_SECRET_BASIC, rooms.by_secret)
        self.register_grant(_ClientCredentials)
        self.register_token_generator(GRANT_TYPE, self._generate)

    def query_client(self, client_id: object) -> Client | None:
        """The client of this id. Raises LogUnavailable."""
        return self._rooms.clients.find(client_id)

    def authenticate_client(
        self, request: OAuth2Request, methods: Sequence[str], endpoint: str = "token"
    ) -> Client:
        """The client. Raises InvalidClientError, the same for every cause, or Limited; each on record."""
        try:
            client: Client = super().authenticate_client(request, methods, endpoint)
        except ClientDenied as denied:
            self._turn_away(denied)
        except InvalidClientError:
            self._turn_away(ClientDenied(ClientCause.NO_CREDENTIALS))
        return client

    def check_scope(self, client: Client, scope: str | None) -> None:
        """Raises InvalidScopeError, on record, unless every scope asked for is known and the client's own."""
        if client.get_allowed_scope(scope) is None:
            self._rooms.budget.deny(client, Reason.INSUFFICIENT_SCOPE)
            raise InvalidScopeError

    def save_token(self, token: Mapping[str, object], request: OAuth2Request) -> None:
        """Nothing is kept; that it was given is on record before it leaves."""
        scopes = str(token["scope"]).split(" ")
        self._rooms.log.token_issued(request.client.app.id, request.auth_method, scopes, asked().origin)

    def create_oauth2_request(self, request: Request) -> OAuth2Request:
        """The request as Authlib reads it."""
        return _TokenRequest(request, self._endpoint)

    def answer(self, request: Request) -> Response:
        """The answer to one request; another form, parameters in the URL or sent twice are an invalid one."""
        if request.content_length is None:  # Werkzeug would end such a form at the limit and say nothing
            return self.handle_error_response(None, InvalidRequestError())
        if (
            not _is_form(request)
            or request.args
            or any(len(values) > 1 for _, values in request.form.lists())
        ):
            return self.handle_error_response(None, InvalidRequestError())
        response: Response = self.create_token_response(request)
        return response

    def handle_error_response(self, request: object, error: OAuth2Error) -> Response:  # noqa: ARG002 - Authlib's signature
        """The error in the form of RFC 6749, 5.2, with a text of ours; the answer's id is in a header."""
        asked().refuse_for(_REASONS.get(error.error, Reason.INVALID_REQUEST))
        status = 401 if error.error == "invalid_client" else 400
        body = {"error": error.error, "error_description": _DESCRIPTIONS[error.error]}
        headers = [(REQUEST_ID, str(asked().answer_id))]
        if status == 401:  # noqa: PLR2004 - HTTP's own
            headers.append(("WWW-Authenticate", CHALLENGE))
        return self.handle_response(status, body, headers)

    def handle_response(self, status: int, body: object, headers: Sequence[tuple[str, str]]) -> Response:
        """A Flask answer."""
        answer = Response(json.dumps(body), status=status, content_type="application/json")
        for name, value in headers:
            answer.headers[name] = value
        return answer

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def _generate(self, *, client: Client, scope: str, **_: object) -> dict[str, object]:
        """The token's life is stated here: Authlib's own generators make it ten days."""
        allowed = client.get_allowed_scope(scope)
        if allowed is None:
            raise InvalidScopeError
        scopes = frozenset(Scope(word) for word in allowed.split(" "))
        claims = TokenClaims(client.app.id, scopes, client.credential.generation)
        return {
            "token_type": "Bearer",
            "access_token": self._rooms.tokens.mint(claims).reveal(),
            "expires_in": TOKEN_LIFE_S,
            "scope": allowed,
        }

    def _turn_away(self, denied: ClientDenied) -> NoReturn:
        about = asked()
        about.answer_as(self._rooms.log.token_refused(denied.app, denied.cause, about.origin))
        self._rooms.limits.count_failed_authentication(about.origin.address)
        raise InvalidClientError(status_code=401)


def _is_form(request: Request) -> bool:
    """Whether the body is the one form that RFC 6749 (appendix B) has, in UTF-8."""
    charset = request.mimetype_params.get("charset", "utf-8")
    return request.mimetype == _FORM and charset.lower() == "utf-8"
