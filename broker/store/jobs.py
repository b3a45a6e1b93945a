"""One thread's piece of a write transaction, and what becomes of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from broker.errors import LogUnavailable
from broker.store.place import Reserve, Room
from broker.store.statements import driver
from broker.store.transaction import Transaction


class Job:
    """One unit of work of one thread, and what became of it."""

    def __init__(self, reserve: Reserve, work: Callable[[Transaction], Any]) -> None:
        self.reserve = reserve
        self.work = work
        self.settled = False
        self.leads = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._woken = Lock()
        self._woken.acquire()

    def succeed(self, result: object) -> None:
        """It is durable, whatever became of an earlier try."""
        self.settled, self._result, self._error = True, result, None

    def fail(self, error: BaseException) -> None:
        """Nothing of it stays, or that is not known: the error says which."""
        self.settled, self._error = True, error

    def outcome(self) -> Any:  # noqa: ANN401 - whatever the work gives
        """What the work gave. Raises what it raised, or LogUnavailable."""
        if self._error is not None:
            raise self._error
        return self._result

    def wake(self) -> None:
        """It is settled, or its thread leads now."""
        self._woken.release()

    def wait(self, seconds: float) -> bool:
        """Wait to be woken; without end where `seconds` is negative. False when the time is up."""
        return self._woken.acquire(timeout=seconds)


def admitted(job: Job, room: Room) -> bool:
    """Whether there is room for the job; it has failed where there is none."""
    try:
        room.check(job.reserve)
    except LogUnavailable as unavailable:
        job.fail(unavailable)
    return not job.settled


@contextmanager
def undone_alone(job: Job, transaction: Transaction, stores: tuple[type[Exception], ...]) -> Iterator[None]:
    """What ends this job undoes no other of its transaction, unless it is the store's failure."""
    store, before = driver(transaction.connection), transaction.records
    store.execute("SAVEPOINT job")
    try:
        yield
    except stores:
        raise
    except Exception as error:  # noqa: BLE001 - the job's thread raises it
        store.execute("ROLLBACK TO job")
        transaction.undo_to(before)
        job.fail(error)
    store.execute("RELEASE job")


def fail_rest(jobs: Sequence[Job], why: LogUnavailable) -> None:
    """Fail those that have no end yet, each with an error of its own, since threads raise it."""
    for job in jobs:
        if not job.settled:
            job.fail(LogUnavailable(why.detail, why.trouble))
