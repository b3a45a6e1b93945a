"""When the controller last knew how each vCenter stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from broker.model.names import VcenterId
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.tables import heard_vcenter
from broker.store.times import from_ms, ms
from broker.store.upserts import put

_READ_EVERY_S = 5.0
"""What is read stands for minutes, so a decision does not read it each time."""


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    times: Mapping[VcenterId, datetime]


class StoredHeard:
    """The times, in the store: the controller writes them, `serve` reads them. All raise LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: _Kept | None = None

    def hear(self, vcenter: VcenterId, at: datetime) -> None:
        """How the vCenter stood at that time is known, and marked.."""
        values = {"vcenter": vcenter, "at": ms(at)}
        self._database.write(Reserve.NONE, lambda t: put(t.connection, heard_vcenter, values))

    def heard(self, vcenter: VcenterId) -> datetime | None:
        """When that was last, as of some seconds ago; None where it never was."""
        now, kept = self._database.clock.monotonic(), self._kept
        if kept is None or now >= kept.until:
            kept = self._kept = _Kept(now + _READ_EVERY_S, self._read())
        return kept.times.get(vcenter)

    def _read(self) -> Mapping[VcenterId, datetime]:
        rows = self._database.read(lambda c: c.execute(select(heard_vcenter)).all())
        return {VcenterId(row.vcenter): from_ms(row.at) for row in rows}
