"""The token endpoint, and what clients and other servers read about it."""

import json
from collections.abc import Mapping

from authlib.oauth2.rfc8414 import get_well_known_url
from flask import Response, request

from broker.http.oauth.assertion import SIGNING_ALGORITHMS
from broker.http.oauth.clients import GRANT_TYPE, METHODS
from broker.http.oauth.keys import KeyRing
from broker.http.oauth.server import TokenServer
from broker.model.policy import Scope

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
JWKS_PATH = "/.well-known/jwks.json"


def token_endpoint(issuer: str) -> str:
    """The address of the token endpoint, which is one of the audiences of assertions."""
    return issuer.rstrip("/") + TOKEN_PATH


class OAuthViews:
    """Views that need no access token."""

    def __init__(self, issuer: str, keys: KeyRing, server: TokenServer) -> None:
        self._issuer = issuer
        self._keys = keys
        self._server = server
        self.metadata_path: str = get_well_known_url(issuer)

    def token(self) -> Response:
        """An access token, or why not in the form of RFC 6749."""
        return self._server.answer(request)

    def jwks(self) -> Response:
        """Every key that is accepted (RFC 7517)."""
        return _document({"keys": self._keys.current().published()})

    def metadata(self) -> Response:
        """What the server can do (RFC 8414)."""
        return _document(
            {
                "issuer": self._issuer,
                "token_endpoint": token_endpoint(self._issuer),
                "jwks_uri": self._issuer.rstrip("/") + JWKS_PATH,
                "response_types_supported": [],
                "grant_types_supported": [GRANT_TYPE],
                "scopes_supported": sorted(Scope),
                "token_endpoint_auth_methods_supported": list(METHODS),
                "token_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
            }
        )


def _document(content: Mapping[str, object]) -> Response:
    return Response(json.dumps(content), content_type="application/json")
