"""A store that is opened for a while, its log held against its mark first."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from broker.audit.custody.high_water import HighWater
from broker.audit.custody.mark import MarkFile
from broker.errors import LogUnavailable
from broker.store.database import Database

_log = logging.getLogger(__name__)


@contextmanager
def kept(database: Database, mark: MarkFile) -> Iterator[Database]:
    """The database, once its log and mark agree; at the end the mark is moved on and the database closed.

    Raises LogUnavailable where they do not agree.
    """
    try:
        water = HighWater(database, mark)
        water.begin()
        try:
            yield database
        finally:
            leave(water)
    finally:
        database.close()


def leave(water: HighWater) -> None:
    """Move the mark on at the end of a process: it is no reason to fail then if it cannot be."""
    try:
        water.advance()
    except LogUnavailable as unavailable:
        _log.warning("the high-water mark is behind the log: %s", unavailable.detail)
