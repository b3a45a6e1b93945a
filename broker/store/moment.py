"""A whole store as it was at one moment, for who checks it: read as it lies there, damaged or not.

Nothing here trusts a hash, a column or a number that is kept; whoever asks compares.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from broker.errors import LogUnavailable
from broker.store.agreement import DOUBTFUL
from broker.store.columns import NAMES
from broker.store.engines.engine import Looking
from broker.store.published import PublishedKey
from broker.store.statements import Prepared
from broker.store.tables import (
    head,
    issuance,
    log_key,
    named_host,
    open_attempt,
    record,
    terminal,
    tile,
    used_template,
)
from broker.store.tiles import KEPT

Row = tuple[Any, ...]
First = tuple[tuple[str, ...], int]
"""What `firsts.Use` names, and the position of the intent that named it first."""

_PAGE = 1024
_IN = (record.c.seq >= bindparam("first"), record.c.seq < bindparam("end"))
_STATE = (
    issuance.c.seq,
    issuance.c.issuance,
    issuance.c.app,
    issuance.c.state,
    issuance.c.reason,
    issuance.c.host,
    issuance.c.vcenter,
    issuance.c.grant_id,
    issuance.c.attempts,
    issuance.c.exposure_until,
)
_HEAD = Prepared(select(head.c.size, head.c.frontier, head.c.checkpoint, head.c.origin, head.c.epoch))
_KEY_TYPES = {(str, str, str, int, end) for end in (int, type(None))}
_KEYS = Prepared(
    select(
        log_key.c.key_id, log_key.c.origin, log_key.c.vkey, log_key.c.from_size, log_key.c.until_size
    ).order_by(log_key.c.from_size, log_key.c.key_id)
)
_EXTENT = Prepared(select(func.count(), func.max(record.c.seq)).select_from(record))
_BEYOND = Prepared(
    select(func.count()).select_from(record).where((record.c.seq >= bindparam("size")) | (record.c.seq < 0))
)
_ROWS = Prepared(
    select(record.c.seq, record.c.hash, *(record.c[name] for name in NAMES), record.c.leaf)
    .where(*_IN)
    .order_by(record.c.seq)
)
_LEAVES = Prepared(select(record.c.seq, record.c.leaf).where(*_IN))
_OF_ISSUANCE = Prepared(
    select(record.c.seq, record.c.leaf)
    .where(record.c.issuance == bindparam("wanted"), record.c.seq < bindparam("size"))
    .order_by(record.c.seq)
)
_LEAF_TILES = Prepared(
    select(tile.c.idx, tile.c.hashes).where(
        tile.c.level == 0, tile.c.idx >= bindparam("first"), tile.c.idx < bindparam("end")
    )
)
_TILES = Prepared(select(func.count()).select_from(tile))
_BEGUN_BY = Prepared(select(*_STATE).where(issuance.c.issuance == bindparam("wanted")))
_ENDS_OF = Prepared(
    select(terminal.c.issuance, terminal.c.attempt, terminal.c.seq).where(
        terminal.c.issuance == bindparam("wanted")
    )
)
_COUNTS = tuple(Prepared(select(func.count()).select_from(table)) for table in (issuance, terminal))
_FIRSTS = tuple(
    Prepared(select(*table.primary_key.columns, table.c.seq)) for table in (named_host, used_template)
)
_OPEN = Prepared(
    select(
        open_attempt.c.issuance, open_attempt.c.attempt, open_attempt.c.intent_seq, open_attempt.c.deadline
    )
)


@dataclass(frozen=True, slots=True)
class KeptHead:
    """The row of the head, as it stands."""

    size: int
    frontier: bytes
    checkpoint: str
    origin: str
    epoch: int


class Moment:
    """One moment of a store, by one connection. Every method raises LogUnavailable."""

    def __init__(self, connection: Connection, store: Looking) -> None:
        self._connection = connection
        self._store = store

    def head(self) -> KeptHead:
        """The head. Raises LogUnavailable where the store has none that could be one."""
        rows = self._all(_HEAD)
        if len(rows) != 1 or tuple(map(type, rows[0])) != (int, bytes, str, str, int) or rows[0][0] < 0:
            raise LogUnavailable("the store has no head of a log")
        return KeptHead(*rows[0])

    def keys(self) -> tuple[PublishedKey, ...]:
        """All keys that the log says it had, the oldest first. Raises LogUnavailable for what is none."""
        rows = self._all(_KEYS)
        if any(tuple(map(type, row)) not in _KEY_TYPES for row in rows):
            raise LogUnavailable("the store has keys of a log that are none")
        return tuple(PublishedKey(*row) for row in rows)

    def extent(self) -> tuple[int, int]:
        """How many records there are, and the position after the last."""
        ((count, last),) = self._all(_EXTENT)
        return count, 0 if last is None else last + 1

    def beyond(self, size: int) -> int:
        """How many records stand where a log of this size has none."""
        return int(self._all(_BEYOND, size=size)[0][0])

    def rows(self, first: int, end: int) -> Iterator[Row]:
        """All that is kept of the records from `first` on, before `end`: seq, hash, columns, leaf."""
        for start in range(first, end, _PAGE):
            yield from self._all(_ROWS, first=start, end=min(start + _PAGE, end))

    def leaves(self, first: int, end: int) -> dict[int, object]:
        """Their bytes alone, by position."""
        return dict(self._all(_LEAVES, first=first, end=end))

    def leaf_tiles(self, first: int, end: int) -> dict[int, bytes]:
        """The tiles of level 0 that are kept, by index, from `first` on, before `end`."""
        return dict(self._all(_LEAF_TILES, first=first, end=end))

    def tile(self, level: int, index: int) -> bytes:
        """One tile; empty where none is kept."""
        rows = self._all(KEPT, of_level=level, of_index=index)
        return rows[0][0] if rows else b""

    def tiles(self) -> int:
        """How many tiles are kept."""
        return int(self._all(_TILES)[0][0])

    def doubtful(self, first: int, end: int) -> list[str]:
        """Issuances that begin from `first` on, before `end`, and must be looked at: see `agreement`."""
        return [row[0] for row in self._all(DOUBTFUL, first=first, end=end)]

    def issuance(self, wanted: str) -> list[Row]:
        """One issuance: seq, issuance, app, state, reason, host, vcenter, grant, attempts, exposure_until."""
        return self._all(_BEGUN_BY, wanted=wanted)

    def ends_of(self, wanted: str) -> list[Row]:
        """Where its attempts ended: issuance, attempt, position."""
        return self._all(_ENDS_OF, wanted=wanted)

    def records_of(self, wanted: str, size: int) -> list[tuple[int, bytes]]:
        """The records below `size` that carry its id: position and bytes."""
        return self._all(_OF_ISSUANCE, wanted=wanted, size=size)

    def totals(self) -> tuple[int, int]:
        """How many issuances and how many ended attempts are kept."""
        issuances, ends = (int(self._all(counted)[0][0]) for counted in _COUNTS)
        return issuances, ends

    def firsts(self) -> list[First]:
        """The first intent of each name of a host and of each revision of a template, as they are noted."""
        return [(tuple(row[:-1]), row[-1]) for noted in _FIRSTS for row in self._all(noted)]

    def open_attempts(self) -> list[Row]:
        """Issuance, attempt, position of the intent, deadline in milliseconds since 1970."""
        return self._all(_OPEN)

    def _all(self, statement: Prepared, **values: object) -> list[Any]:
        try:
            return statement.run(self._connection, values).fetchall()
        except self._store.errors as error:
            raise LogUnavailable(f"the store cannot be read: {self._store.told(error)}") from None


@contextmanager
def moment_of(store: Looking) -> Iterator[Moment]:
    """One moment of a store. Raises LogUnavailable."""
    with store.look() as connection:
        yield Moment(connection, store)
