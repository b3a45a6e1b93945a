"""What the log needs of its keys."""

from collections.abc import Collection
from typing import Protocol

from broker.tlog.checkpoint import TreeHead
from broker.tlog.note import VerifierKey


class LogSigner(Protocol):
    """The keys that sign the log's checkpoints, as far as this process holds them. Thread-safe."""

    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public halves of the keys that a new log begins with, all of one name, which is its origin.

        Raises SecretUnavailable where there is none.
        """
        ...

    def sign(self, head: TreeHead, key_ids: Collection[str]) -> str:
        """The checkpoint, signed with each of these keys that is held.

        Raises LogUnavailable where none is.
        """
        ...

    def public(self, key_ids: Collection[str]) -> tuple[VerifierKey, ...]:
        """The public halves of those of the keys that are held."""
        ...
