"""What any process on the store does now and then, so that nothing stays open."""

import logging
from collections.abc import Callable, Iterator

from broker.audit.orphans import OrphanRule
from broker.audit.refusals import RefusalBudget
from broker.background import Beat
from broker.errors import LogUnavailable
from broker.store.database import Database
from broker.store.pruning import prune

BEAT_S = 30.0

_log = logging.getLogger(__name__)


class Housekeeping:
    """Orphans, sums of refusals, expired rows, and the recovery of a jammed store, on a beat.

    `budgets` are those of the process, if it refuses anybody. Every process on the store has one
    of these, so that what one leaves behind does not wait for it to come back.
    """

    def __init__(
        self, database: Database, orphans: OrphanRule, *budgets: RefusalBudget, interval_s: float = BEAT_S
    ) -> None:
        self._database = database
        self._orphans = orphans
        self._budgets = budgets
        self._beat = Beat("housekeeping", interval_s, self._sweep_if_possible)

    def start(self) -> None:
        """Sweep once, then on every beat. A sweep that the store refuses is tried again."""
        self._sweep_if_possible()
        self._beat.start()

    def stop(self) -> None:
        """End the beat and record the sums of every open window of refusals. Call it once."""
        self._beat.close()
        for unavailable in _refused(*(budget.close for budget in self._budgets)):
            _log.error("sums of refusals are not on record: %s", unavailable)

    def sweep(self) -> None:
        """All of it, once. A step that the store refuses stops no other; raises LogUnavailable after them.

        On a disk that is full up to its reserve no sums are taken, but orphans end and rows expire.
        """
        steps = (self._database.reopen, self._orphans.run, self._prune, *(b.tick for b in self._budgets))
        failures = list(_refused(*steps))
        if failures:
            raise failures[0]

    def _prune(self) -> int:
        return prune(self._database)

    def _sweep_if_possible(self) -> None:
        try:
            self.sweep()
        except LogUnavailable as unavailable:
            _log.error("the store could not be swept: %s", unavailable)


def _refused(*steps: Callable[[], object]) -> Iterator[LogUnavailable]:
    """Take every step; what the store said to those that it refused."""
    for step in steps:
        try:
            step()
        except LogUnavailable as unavailable:
            yield unavailable
