"""The broker's own signing keys: the first signs, all are published and accepted."""

from collections.abc import Sequence

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key

from broker.errors import SecretUnavailable
from broker.model.secret import Secret

ALGORITHM = "ES256"


class SigningKeys:
    """EC P-256 keys, each named by its RFC 7638 thumbprint.

    To rotate: add the new key last, so that every process accepts it; then move it first, so
    that it signs; drop the old one when its last token has ended, five minutes later.
    """

    def __init__(self, pems: Sequence[Secret]) -> None:
        """Raises SecretUnavailable, which names the position of a key and never its content."""
        if not pems:
            raise SecretUnavailable("no signing key is configured: `broker keys signing FILE` makes one")
        keys = [_import(pem, position) for position, pem in enumerate(pems, 1)]
        self._keys = {key.thumbprint(): key for key in keys}
        self._first = keys[0].thumbprint()

    def signing(self) -> tuple[str, ECKey]:
        """The key that signs now, with its id."""
        return self._first, self._keys[self._first]

    def accepted(self, key_id: str) -> Key | None:
        """The key of that id, None for a key that is not ours or not ours any more."""
        return self._keys.get(key_id)

    def published(self) -> list[dict[str, str]]:
        """The public halves as JWKs (RFC 7517)."""
        return [
            {
                "kid": kid,
                "use": "sig",
                "alg": ALGORITHM,
                **{k: str(v) for k, v in public.items() if k != "kid"},
            }
            for kid, key in self._keys.items()
            for public in [key.as_dict(private=False)]
        ]


class KeyRing:
    """The signing keys in force in this process; a reload swaps them as one."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def current(self) -> SigningKeys:
        """The keys now: use one answer for a whole request."""
        return self._keys

    def swap(self, keys: SigningKeys) -> None:
        """From now on these."""
        self._keys = keys


def _import(pem: Secret, position: int) -> ECKey:
    try:
        key = ECKey.import_key(pem.reveal())
    except (JoseError, ValueError, TypeError):
        key = None
    if key is None or key.curve_name != "P-256" or not key.is_private:
        raise SecretUnavailable(f"signing key {position} is not an EC P-256 private key in PEM")
    return key
