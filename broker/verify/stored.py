"""A log in a store, for the verification: as it runs, or a copy of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from broker.store.engines.engine import Looking
from broker.store.moment import KeptHead, Moment, moment_of
from broker.store.published import PublishedKey
from broker.texts import counted
from broker.tlog.tiles import TILE_WIDTH
from broker.verify.findings import Findings, Kind
from broker.verify.sources import ClaimedHead, Piece, Row, Tables, Totals

PIECE = 32 * TILE_WIDTH


@dataclass(frozen=True, slots=True)
class StoredPiece:
    """Records of a store. It opens the store anew: records do not change once they are in the log."""

    store: Looking
    first: int
    end: int

    def rows(self) -> Iterator[Row]:
        """See `sources.Piece`."""
        with moment_of(self.store) as moment:
            yield from moment.rows(self.first, self.end)

    def tiles(self) -> Mapping[int, bytes]:
        """See `sources.Piece`: of those that are full; what is not kept is empty."""
        first, end = self.first // TILE_WIDTH, self.end // TILE_WIDTH
        with moment_of(self.store) as moment:
            return dict.fromkeys(range(first, end), b"") | moment.leaf_tiles(first, end)

    def look_around(self, findings: Findings) -> None:
        """See `sources.Piece`: a store keeps them in no other way."""

    def doubtful(self) -> Sequence[str]:
        """See `sources.Piece`."""
        with moment_of(self.store) as moment:
            return moment.doubtful(self.first, self.end)


class StoredLog:
    """The log of a store at one moment. Every method raises LogUnavailable."""

    def __init__(self, store: Looking, moment: Moment) -> None:
        self._store = store
        self._moment = moment
        self._head: KeptHead = moment.head()
        self._keys = moment.keys()

    @property
    def head(self) -> ClaimedHead:
        """See `sources.Source`."""
        head = self._head
        return ClaimedHead(head.size, head.checkpoint, head.origin, head.frontier)

    @property
    def keys(self) -> Sequence[PublishedKey]:
        """See `sources.Source`."""
        return self._keys

    def pieces(self) -> Iterator[Piece]:
        """See `sources.Source`. A size without records makes no endless work."""
        count, _ = self._moment.extent()
        size = min(self._head.size, 2 * count + PIECE)
        return (StoredPiece(self._store, at, min(at + PIECE, size)) for at in range(0, size, PIECE))

    def leaves(self, first: int, end: int) -> Mapping[int, object]:
        """See `sources.Source`."""
        return self._moment.leaves(first, end)

    def tile(self, level: int, index: int) -> bytes:
        """See `sources.Source`."""
        return self._moment.tile(level, index)

    def look_around(self, findings: Findings) -> None:
        """See `sources.Source`: records beyond the head, tiles of no tree."""
        if beyond := self._moment.beyond(self._head.size):
            findings.add(Kind.RECORD, f"{counted(beyond, 'record')} stand beyond the head of the log")

    def totals(self) -> Totals:
        """See `sources.Source`."""
        issuances, ends = self._moment.totals()
        return Totals(issuances, ends, self._moment.open_attempts(), self._moment.firsts())

    def records_of(self, issuance: str) -> Sequence[tuple[int, bytes]]:
        """See `sources.Source`."""
        return self._moment.records_of(issuance, self._head.size)

    def tables_of(self, issuance: str) -> Tables:
        """See `sources.Source`."""
        return Tables(self._moment.issuance(issuance), self._moment.ends_of(issuance))


@contextmanager
def stored_log(store: Looking) -> Iterator[StoredLog]:
    """The log of a store, at the moment when this begins. Raises LogUnavailable."""
    with moment_of(store) as moment:
        yield StoredLog(store, moment)
