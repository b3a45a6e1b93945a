"""Signed tokens, read strictly before and after their signature is checked.

A header says which key and which form; it never chooses the algorithm, brings a key or points
to one (`crit`, `jku`, `x5u`, `x5c`, `jwk` and everything else unknown are refused).
"""

import base64
import binascii
import re
from dataclasses import dataclass

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

from broker.http.strict_json import NotStrictJson, parse_object

MAX_TOKEN_CHARACTERS = 8192

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADERS = frozenset({"alg", "kid", "typ"})


class NotAToken(ValueError):
    """The text is not a compact JWS with a header of ours and an object as payload. Never repeats it."""


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedToken:
    """What a token says of itself. Believe nothing of it before `signature_holds`."""

    text: str
    algorithm: str
    key_id: str | None
    type: str | None
    claims: dict[str, object]


class _Registry(JWSRegistry):
    """`EdDSA` means Ed25519 here: the older name that most libraries still write (RFC 8037, RFC 9864)."""

    algorithms = {**JWSRegistry.algorithms, "EdDSA": JWSRegistry.algorithms["Ed25519"]}  # noqa: RUF012 - joserfc's form


def read_unverified(text: str) -> UnverifiedToken:
    """Take the token apart. Raises NotAToken."""
    if len(text) > MAX_TOKEN_CHARACTERS or _COMPACT.fullmatch(text) is None:
        raise NotAToken("not a compact JWS")
    head, payload, _ = text.split(".")
    header = _object(head)
    if not header.keys() <= _HEADERS or not all(isinstance(value, str) for value in header.values()):
        raise NotAToken("a header that nobody asked for")
    return UnverifiedToken(
        text=text,
        algorithm=str(header.get("alg", "")),
        key_id=_text_or_none(header.get("kid")),
        type=_text_or_none(header.get("typ")),
        claims=_object(payload),
    )


def signature_holds(token: UnverifiedToken, key: Key, algorithms: frozenset[str]) -> bool:
    """Whether `key` signed the token by one of the algorithms that the key was registered for."""
    if token.algorithm not in algorithms:
        return False
    try:
        jws.deserialize_compact(token.text, key, registry=_Registry(algorithms=algorithms))
    except (JoseError, ValueError):
        return False
    return True


def _object(part: str) -> dict[str, object]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return parse_object(raw)
    except (binascii.Error, NotStrictJson):
        raise NotAToken("a part is not base64url of a JSON object") from None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
