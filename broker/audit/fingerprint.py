"""Keyed fingerprints of tickets: a record can be held against a ticket, a ticket not found from it."""

import base64
import binascii
import hashlib
import hmac
import re

from broker.errors import SecretUnavailable
from broker.model.secret import Secret

_MIN_BYTES = 32
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_KEY_ID_CHARACTERS = 16


class TicketFingerprints:
    """HMAC-SHA256 under one key of at least 256 bits, written as hex or as base64."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key: Secret) -> None:
        """Raises SecretUnavailable for a key that is too short or written otherwise."""
        self._key = _decoded(key)
        self.key_id = hashlib.sha256(b"kid" + self._key).hexdigest()[:_KEY_ID_CHARACTERS]
        """Tells keys apart, and nothing about them."""

    def of_ticket(self, session_id: Secret) -> tuple[str, str]:
        """(fingerprint, key id): HMAC-SHA256 as lower-case hex."""
        digest = hmac.new(self._key, session_id.reveal().encode(errors="surrogatepass"), hashlib.sha256)
        return digest.hexdigest(), self.key_id

    def __repr__(self) -> str:
        return f"TicketFingerprints(key_id={self.key_id!r})"


def _decoded(key: Secret) -> bytes:
    text = key.reveal().strip()
    try:
        raw = bytes.fromhex(text) if _HEX.fullmatch(text) else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SecretUnavailable("the fingerprint key is neither hex nor base64") from None
    if len(raw) < _MIN_BYTES:
        raise SecretUnavailable(f"the fingerprint key has less than {_MIN_BYTES} bytes: openssl rand -hex 32")
    return raw
