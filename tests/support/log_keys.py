"""Keys that sign the logs of tests."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.files import write_private
from broker.tlog.checkpoint import TreeHead, signed_checkpoint
from broker.tlog.note import SignerKey, VerifierKey

ORIGIN = "broker.test/audit"


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """The LogSigner port on keys that are in no file."""

    keys: tuple[SignerKey, ...]

    def write(self, directory: Path) -> None:
        """Put the keys into files, as a site has them."""
        directory.mkdir(mode=0o700)
        for key in self.keys:
            write_private(directory / f"{key.verifier.id}.key", f"{key.encoded()}\n".encode())

    def verifiers(self) -> tuple[VerifierKey, ...]:
        return tuple(key.verifier for key in self.keys)

    def public(self, key_ids: Collection[str]) -> tuple[VerifierKey, ...]:
        return tuple(key for key in self.verifiers() if key.id in key_ids)

    def sign(self, head: TreeHead, key_ids: Collection[str]) -> str:
        signing = [key for key in self.keys if key.verifier.id in key_ids]
        assert signing, "the log is signed by other keys than the test holds"
        return signed_checkpoint(head, signing)


_SEED = sha256(b"the key of every log of the tests").digest()
LOG_KEYS = HeldKeys((SignerKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(_SEED)),))
"""The same key in every process of a test."""
