"""What every process that stays does for the log on a beat, and how that stands."""

import logging
from collections.abc import Callable
from datetime import timedelta

from broker.audit.custody.checkpoints import Checkpoints
from broker.audit.custody.clock_watch import ClockWatch
from broker.audit.custody.high_water import HighWater
from broker.audit.custody.opening import leave
from broker.background import Beat
from broker.errors import BrokerError, LogUnavailable, Trouble
from broker.model.health import Degraded, LogStanding
from broker.model.record import Event, JsonValue, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.times import iso, ms

BEAT_S = 1.0

_log = logging.getLogger(__name__)


class LogKeeping:
    """Moves the mark on, watches the clock, and lets checkpoints leave where they are to."""

    def __init__(
        self,
        database: Database,
        water: HighWater,
        checkpoints: Checkpoints | None,
        interval_s: float = BEAT_S,
    ) -> None:
        self._log = StoredLog(database)
        self._water = water
        self._checkpoints = checkpoints
        self._clock = ClockWatch(database.clock)
        self._beat = Beat("keep-log", interval_s, self.step)
        self._failed: dict[str, BrokerError] = {}
        self._size = 0

    def start(self) -> None:
        """Begin with a step."""
        self.step()
        self._beat.start()

    def stop(self) -> None:
        """End the beat, and move the mark to where the log ends. Call it after the last record."""
        self._beat.close()
        leave(self._water)

    def step(self) -> None:
        """All of it, once. What fails is told in the log of the process when it begins to."""
        self._try("the high-water mark", self._move_mark)
        self._try("the clock", self._watch_clock)
        if self._checkpoints is not None:
            self._try("checkpoints", self._checkpoints.step)

    def troubles(self) -> frozenset[Degraded]:
        """What ails it, beside what keeps the store from taking records."""
        found = set[Degraded]()
        if any(_unusable(error) for error in self._failed.copy().values()):
            found.add(Degraded.HIGH_WATER_UNUSABLE)
        if self._clock.behind():
            found.add(Degraded.CLOCK_STEPPED_BACK)
        if self._checkpoints is not None and self._checkpoints.late():
            found.add(Degraded.CHECKPOINT_LATE)
        return frozenset(found)

    def standing(self) -> LogStanding:
        """How far the log has come, as it was last seen."""
        return LogStanding(self._size, None if self._checkpoints is None else self._checkpoints.age_s())

    def _try(self, what: str, step: Callable[[], object]) -> None:
        try:
            step()
        except BrokerError as error:
            if str(error) != str(self._failed.get(what)):
                _log.error("%s: %s", what, error)
            self._failed[what] = error
        else:
            if self._failed.pop(what, None) is not None:
                _log.info("%s: all is well again", what)

    def _move_mark(self) -> None:
        self._size = self._water.advance()

    def _watch_clock(self) -> None:
        if (step := self._clock.step()) is not None:
            fields: dict[str, JsonValue] = {
                "step_ms": step.by // timedelta(milliseconds=1),
                "clock_was": iso(ms(step.clock_was)),
            }
            self._log.append([Record(Event.CLOCK_STEPPED, fields)], Reserve.NONE)


def _unusable(error: BrokerError) -> bool:
    return isinstance(error, LogUnavailable) and error.trouble is Trouble.HIGH_WATER_UNUSABLE
