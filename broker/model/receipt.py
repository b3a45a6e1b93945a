"""What an app is handed with its ticket, to show later that the log holds it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    """A record's place in the log, and the proof of it: an inclusion path up to a signed checkpoint."""

    index: int
    leaf_hash: bytes
    checkpoint: str
    path: tuple[bytes, ...]
