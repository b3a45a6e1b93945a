"""One record on its way into an export, and what takes it."""

from dataclasses import dataclass
from typing import Protocol

from broker.errors import LogUnavailable


@dataclass(frozen=True, slots=True)
class Entry:
    """A record: its index, its exact bytes, and their hash in the tree."""

    index: int
    content: bytes
    hash: bytes


class Part(Protocol):
    """A part of an export. Raises FileRefused, and LogUnavailable for a record that it cannot take."""

    def add(self, entry: Entry) -> None:
        """Take the next record."""
        ...

    def finish(self) -> None:
        """There are no more."""
        ...


def damaged(index: int, how: str) -> LogUnavailable:
    """The error about a record that is not what it should be."""
    return LogUnavailable(f"record {index} of the log {how}; run: broker audit verify")
