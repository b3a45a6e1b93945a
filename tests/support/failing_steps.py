"""A write whose every statement fails once, each on a store of its own: what must hold of the log then."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import NoReturn

from broker.errors import LogUnavailable
from broker.model.stores import StoreLocation
from tests.support.clock import HandClock
from tests.support.commit_faults import PERSISTED, When
from tests.support.invariants import check_columns, check_ended, check_log
from tests.support.log_steps import Write, concluded, fill, ready, striking
from tests.support.records import DEADLINE_S, GRACE_S, KEY, Book, open_book
from tests.support.whole_log import check_released, check_tree, check_verified, checkpoint_of


def fail_each(new_place: Callable[[int], StoreLocation], write: Write, when: When) -> Iterator[str]:
    """Every statement that failed, once all that must hold was seen to."""
    for number in count():
        clock, place = HandClock(), new_place(number)
        fill(place, clock, write)
        book = open_book(place, clock)
        struck = _fail(book, write, number, when)
        released = [checkpoint_of(book.database)]
        if struck:
            committed = struck == "COMMIT" and when == PERSISTED
            released += ends_well(book, clock, write, committed=committed)
        book.database.close()
        if not struck:
            return
        check_anew(place, clock, released)
        if struck == "COMMIT":  # the costliest look, at the last of them
            check_verified(place)
        yield struck


def _fail(book: Book, write: Write, number: int, when: When) -> str:
    """The statement that failed; empty where the write has fewer."""

    def fail(_: str) -> NoReturn:
        raise book.database._opening.errors[-1]("disk I/O error")

    do = ready(book, write)
    before, known = book.reading.size(), False
    with striking(book.database, number, when, fail) as struck, suppress(LogUnavailable):
        do()
        known = True
    assert known is not bool(struck), "whoever writes is told what is known"
    if not struck:
        return ""
    commits = struck[0] == "COMMIT"
    assert book.database.healthy() is not commits
    book.database.reopen()
    assert check_tree(book.database) == before + (commits and when == PERSISTED)
    return struck[0]


def ends_well(book: Book, clock: HandClock, write: Write, *, committed: bool) -> list[str]:
    """What was left open is closed, and the key is good for a ticket; the heads released by then."""
    intended, issued = (write is Write.OUTCOME or committed), (write is Write.OUTCOME and committed)
    clock.advance(DEADLINE_S + GRACE_S + 1)
    assert book.orphans.run() == (intended and not issued)
    attempt, intent = book.begin(KEY)
    assert attempt.number == (2 if issued else 1)
    receipt = concluded(book, attempt, intent)
    records = list(book.reading.records())
    check_log(records)
    check_ended(records)
    check_columns(book.database)
    check_released(book.database, [], [receipt])
    return [receipt.checkpoint]


def check_anew(place: StoreLocation, clock: HandClock, released: list[str]) -> None:
    """What another process finds."""
    again = open_book(place, clock)
    check_tree(again.database)
    check_released(again.database, released)
    again.database.close()
