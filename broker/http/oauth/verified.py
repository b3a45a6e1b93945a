"""Tokens whose signature was checked before: the same bytes hold again, while their key is accepted."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Claims = TypeVar("Claims")
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Verified(Generic[Claims]):
    """What a token says that the key of this id has signed. Times are Unix seconds.

    The id is the key's thumbprint (RFC 7638), so it can mean no other key later.
    """

    key_id: str
    claims: Claims
    issued: int
    expires: int


class VerifiedTokens(Generic[Claims]):
    """What was verified, by a digest of the token, which itself is not kept. Thread-safe.

    Whoever asks has still to see that the key is accepted now, and that the times hold.
    """

    def __init__(self) -> None:
        self._verified: dict[bytes, Verified[Claims]] = {}

    def known(self, digest: bytes) -> Verified[Claims] | None:
        """What the token of this digest says, if it was verified before."""
        return self._verified.get(digest)

    def keep(self, digest: bytes, verified: Verified[Claims]) -> None:
        """Remember it. Begins anew when full: only apps that authenticated fill it."""
        if len(self._verified) >= _MOST:
            self._verified.clear()
        self._verified[digest] = verified
