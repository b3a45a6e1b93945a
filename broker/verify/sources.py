"""What a log is read through, whatever holds it: all of it as it was at one moment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from broker.errors import BrokerError
from broker.store.moment import First
from broker.store.published import PublishedKey
from broker.verify.findings import Findings

Row = tuple[Any, ...]
"""A record's bytes, and before them what is kept beside them, if anything is: its index, its hash, and its
columns in the order of columns.NAMES."""


class Unreadable(BrokerError):
    """What was to be checked cannot be read; says why, and what to do. It says nothing about the log."""


class Issued(NamedTuple):
    """A row of the table of issuances. `exposure_until` is in milliseconds since 1970."""

    seq: int
    issuance: str
    app: str
    state: str
    reason: str | None
    host: str
    vcenter: str | None
    grant: str | None
    attempts: int
    exposure_until: int | None


@dataclass(frozen=True, slots=True)
class Tables:
    """The state beside the records of an issuance: as `Issued` has it, and where its attempts ended."""

    issuances: Sequence[Row]
    ends: Sequence[tuple[str, int, int]]
    """Issuance, attempt, and the index of the outcome."""


class Piece(Protocol):
    """Some records in a row, a multiple of 256 from the first on. Goes to another process by pickle.

    Every method raises Unreadable.
    """

    @property
    def first(self) -> int:
        """The index of its first record."""

    @property
    def end(self) -> int:
        """The index after its last record."""

    def rows(self) -> Iterable[Row]:
        """Each record, in order."""

    def tiles(self) -> Mapping[int, bytes]:
        """The hashes that are kept of it: by tile of level 0."""

    def look_around(self, findings: Findings) -> None:
        """Find what is wrong with how its records are kept, beside rows and tiles."""

    def doubtful(self) -> Sequence[str]:
        """Issuances that begin in it, and whose state beside the log is not plainly that of their records."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in all of the state beside a log."""

    issuances: int
    ends: int
    open: Sequence[tuple[str, int, int, int]]
    """Issuance, attempt, index of the intent, and deadline in milliseconds since 1970."""
    firsts: Sequence[First]


@dataclass(frozen=True, slots=True)
class ClaimedHead:
    """What a log says of its own tree. `frontier` is None where none is kept beside the checkpoint."""

    size: int
    checkpoint: str
    origin: str
    frontier: bytes | None


class Source(Protocol):
    """A whole log. Every method raises LogUnavailable or Unreadable."""

    @property
    def head(self) -> ClaimedHead:
        """What it says of its tree."""

    @property
    def keys(self) -> Sequence[PublishedKey]:
        """The keys that it says are its own."""

    def pieces(self) -> Iterator[Piece]:
        """All of it up to the head's size, in order. What is missing at the end may be no piece at all."""

    def leaves(self, first: int, end: int) -> Mapping[int, object]:
        """What is kept as the bytes of some records, once more, by index."""

    def tile(self, level: int, index: int) -> bytes | None:
        """The hashes that are kept of a tile of level 1 or higher; None where no tiles are kept."""

    def look_around(self, findings: Findings) -> None:
        """Find what is wrong beside records, tiles and state; after all pieces were read."""

    def totals(self) -> Totals | None:
        """The state in all, where there is any."""

    def records_of(self, issuance: str) -> Sequence[tuple[int, bytes]]:
        """All records that carry the id of an issuance, with their indexes."""

    def tables_of(self, issuance: str) -> Tables:
        """The state beside them."""
