"""Threads that write to a store at the same time, in an order that the test knows."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.transaction import Transaction
from tests.support.commit_faults import NOT_PERSISTED, watched
from tests.support.deadline import eventually

Work = Callable[[Transaction], Any]


def together(database: Database, *works: Work) -> "list[Future[Any]]":
    """Run each work in a thread of its own, in this order, once all of them wait; their ends."""
    with ThreadPoolExecutor(len(works)) as threads, held_up(database):
        return [enter(threads, database, work, Reserve.NONE) for work in works]


def enter(threads: ThreadPoolExecutor, database: Database, work: Work, reserve: Reserve) -> "Future[Any]":
    """Let a thread write, and wait until it stands behind those before it."""
    before = len(database._queue._waiting)
    end = threads.submit(database.write, reserve, work)
    assert eventually(lambda: len(database._queue._waiting) > before)
    return end


class _Released(Exception):
    """Ends the holder's work, so that its transaction is not committed."""


@contextmanager
def held_up(database: Database) -> Iterator[threading.Event]:
    """While this lasts a thread is in the middle of its write, so that all others wait for a turn.

    Setting the event lets it end before. Of that thread nothing stays, and it commits nothing.
    """
    writing, over = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        writing.set()
        assert over.wait(20)
        raise _Released

    def write() -> None:
        with suppress(_Released):
            database.write(Reserve.NONE, hold)

    holder = threading.Thread(target=write)
    holder.start()
    try:
        assert writing.wait(20)
        yield over
    finally:
        over.set()
        holder.join()


@contextmanager
def transactions(database: Database) -> Iterator[list[str]]:
    """Each BEGIN and COMMIT that is tried meanwhile."""
    tried: list[str] = []

    def note(statement: str) -> None:
        if statement.startswith(("BEGIN", "COMMIT")):
            tried.append(statement.partition(" ")[0])

    with watched(database, NOT_PERSISTED, note):
        yield tried
