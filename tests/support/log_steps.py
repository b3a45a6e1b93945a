"""An issuance's two writes, each where it fills a tile of the log, and strikes at their statements."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import count

from broker.model.issuance import Attempt, Intent
from broker.model.receipt import Receipt
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.ports.clock import Clock
from broker.store.database import Database
from broker.store.place import Reserve
from broker.tlog.tiles import TILE_WIDTH
from tests.support.commit_faults import When, watched
from tests.support.log_keys import LOG_KEYS
from tests.support.records import KEY, Book, issued


class Write(StrEnum):
    """A transaction that an issuance needs."""

    INTENT = "intent"
    OUTCOME = "outcome"


FILLED = {Write.INTENT: TILE_WIDTH - 1, Write.OUTCOME: TILE_WIDTH - 2}
"""Records that stand before, so that this write's record is the last of a tile."""

OF_EACH = ("BEGIN", "INSERT INTO record", "SELECT record.leaf", "INSERT INTO tile", "UPDATE head", "COMMIT")
"""What each write says among others, in this order: the tree's steps between those of its state."""


@contextmanager
def striking(
    database: Database, number: int, when: When, strike: Callable[[str], object]
) -> Iterator[list[str]]:
    """While this lasts, by the writer's statement of that number, `strike` is told it, and so is the list."""
    seen, struck = count(), list[str]()

    def watch(statement: str) -> None:
        if next(seen) == number:
            struck.append(statement)
            strike(statement)

    with watched(database, when, watch):
        yield struck


def fill(place: StoreLocation, clock: Clock, write: Write) -> None:
    """Make a store whose next write of this kind fills a tile."""
    database = Database.open(place, clock, LOG_KEYS)
    filling = [Record(Event.POLICY_REFUSED, {"kept": "r1", "error": "why"})]
    database.write(Reserve.NONE, lambda transaction: transaction.append(filling * FILLED[write]))
    database.close()


def ready(book: Book, write: Write) -> Callable[[], Receipt | Attempt]:
    """Do what comes before the write; the write itself."""
    if write is Write.INTENT:
        return lambda: book.begin(KEY)[0]
    attempt, intent = book.begin(KEY)
    return lambda: concluded(book, attempt, intent)


def concluded(book: Book, attempt: Attempt, intent: Intent) -> Receipt:
    """The receipt of a ticket that vCenter gave."""
    return book.ledger.conclude(attempt, intent, issued(book.clock))


def check_told(struck: list[str]) -> None:
    """Whether a write was struck at each of its steps, the tree's among them."""
    rest = iter(struck)
    assert all(any(statement.startswith(step) for statement in rest) for step in OF_EACH)
    assert struck[0].startswith("BEGIN")
    assert struck[-1] == "COMMIT"
