"""client_secret_basic (RFC 6749, 2.3.1), at one price for every way to fail."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import OAuth2Request

from broker.http.oauth.budget import TokenBudget
from broker.http.oauth.clients import Client, ClientCause, ClientDenied
from broker.model.secret import Secret

_NOBODYS_HASH = hashlib.sha256(b"compared with where there is no secret").digest()


class HashedSecrets:
    """SHA-256 of a presented secret against stored hashes.

    Secrets have 256 random bits, so there is nothing that a slow hash would protect.
    """

    def matches(self, presented: Secret, hashes: tuple[bytes, ...]) -> bool:
        """Compare with every hash, in constant time; with one that is nobody's where there is none."""
        digest = hashlib.sha256(presented.reveal().encode()).digest()
        found = [hmac.compare_digest(digest, stored) for stored in (*hashes, _NOBODYS_HASH)]
        return any(found[:-1])


class BasicAuthentication:
    """The method as Authlib calls it: a client, None where no Basic header came, or ClientDenied."""

    def __init__(self, verifier: HashedSecrets, budget: TokenBudget) -> None:
        self._verifier = verifier
        self._budget = budget

    def __call__(self, find: Callable[[object], Client | None], request: OAuth2Request) -> Client | None:
        """An unknown client costs the same comparison as a wrong secret. Raises Limited, on record."""
        header = request.headers.get("Authorization", "")
        if not header.lower().startswith("basic "):
            return None
        client_id, presented = _pair(header[len("basic ") :])
        client = find(client_id)
        hashes = client.credential.secret_hashes if client else ()
        matches = self._verifier.matches(presented, hashes)
        if client is None:
            raise ClientDenied(ClientCause.APP_UNKNOWN)
        if not matches:
            raise ClientDenied(ClientCause.WRONG_SECRET, client.app.id)
        if client.credential.disabled:
            raise ClientDenied(ClientCause.APP_DISABLED, client.app.id)
        self._budget.charge(client)
        return client


def _pair(encoded: str) -> tuple[str, Secret]:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise ClientDenied(ClientCause.UNREADABLE) from None
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise ClientDenied(ClientCause.UNREADABLE)
    return unquote_plus(client_id), Secret(unquote_plus(secret))
