"""Keys that belong to nobody, so that a wrong client id costs what a wrong signature costs."""

import secrets
from base64 import urlsafe_b64encode

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from broker.http.oauth.jose import UnverifiedToken, signature_holds

_RSA_BITS = 2048


class NobodysKeys:
    """One public key for each algorithm that an app may use."""

    def __init__(self) -> None:
        rsa = _rsa()
        self._keys: dict[str, Key] = {
            "ES256": ECKey.generate_key("P-256"),
            "Ed25519": OKPKey.generate_key("Ed25519"),
            "RS256": rsa,
            "PS256": rsa,
        }
        self._keys["EdDSA"] = self._keys["Ed25519"]

    def spend(self, token: UnverifiedToken) -> None:
        """Check the signature against nobody's key of its algorithm, and forget the result."""
        if key := self._keys.get(token.algorithm):
            signature_holds(token, key, frozenset({token.algorithm}))


def _rsa() -> RSAKey:
    """A modulus of which nobody knows factors: good for checking signatures, which all it is for."""
    modulus = secrets.randbits(_RSA_BITS) | 1 << _RSA_BITS - 1 | 1
    encoded = urlsafe_b64encode(modulus.to_bytes(_RSA_BITS // 8)).rstrip(b"=").decode()
    return RSAKey.import_key({"kty": "RSA", "n": encoded, "e": "AQAB"})
