"""Every statement of an issuance's two writes, where each fills a tile of the log; and strikes there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path

from broker.model.issuance import Attempt, Intent
from broker.model.receipt import Receipt
from broker.model.record import Event, Record
from broker.ports.clock import Clock
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.tree import TILE
from tests.support.commit_faults import When, watched
from tests.support.log_keys import LOG_KEYS
from tests.support.records import KEY, Book, issued


class Write(StrEnum):
    """A transaction that an issuance needs."""

    INTENT = "intent"
    OUTCOME = "outcome"


FILLED = {Write.INTENT: TILE - 1, Write.OUTCOME: TILE - 2}
"""Records that stand before, so that this write's record is the last of a tile."""

_GROWING = (
    "SELECT record.leaf",
    "SELECT record.hash",
    "INSERT INTO tile",
    "INSERT INTO tile",
    "UPDATE head",
    "COMMIT",
)
STATEMENTS = {
    Write.INTENT: (
        "BEGIN",
        "SELECT idempotency",
        "SELECT head",
        "INSERT INTO record",
        "INSERT INTO issuance",
        "INSERT INTO open_attempt",
        "SELECT idempotency",
        "INSERT INTO idempotency",
        *_GROWING,
    ),
    Write.OUTCOME: (
        "BEGIN",
        "DELETE FROM open_attempt",
        "SELECT head",
        "INSERT INTO record",
        "INSERT INTO terminal",
        "UPDATE issuance",
        "UPDATE idempotency",
        *_GROWING,
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a write."""

    write: Write
    number: int

    @property
    def commits(self) -> bool:
        """Whether what this write did stays once this is done."""
        return self.number == len(STATEMENTS[self.write]) - 1

    def __str__(self) -> str:
        return f"{self.write} {self.number}, {STATEMENTS[self.write][self.number]}"


STEPS = tuple(Step(write, number) for write in Write for number in range(len(STATEMENTS[write])))


@contextmanager
def striking(database: Database, step: Step, when: When, strike: Callable[[], object]) -> Iterator[None]:
    """While the step's write is done, by the statement of that number, `strike` is called once."""
    seen = count()

    def watch(_: str) -> None:
        if next(seen) == step.number:
            strike()

    with watched(database, when, watch):
        yield


def fill(path: Path, clock: Clock, write: Write) -> None:
    """Make a store whose next write of this kind fills a tile."""
    database = Database.open(path, clock, LOG_KEYS)
    started = [Record(Event.PROCESS_STARTED, {})]
    database.write(Reserve.NONE, lambda transaction: transaction.append(started * FILLED[write]))
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
