"""One store, open in this process: the two doors `read` and `write`, and what happens when they jam.

What is known after an error decides what follows:
- An error before COMMIT is rolled back. Nothing was written, that is certain, and the next
  call may succeed: a full disk, a busy file or a read-only mount heal by themselves.
- An error at COMMIT leaves open whether the transaction will be there after a crash: SQLite may
  have written its frames before it failed. The Database is then poisoned: every call raises
  LogUnavailable until `reopen` has found out what the file holds.
- `reopen` drops every connection of this process, takes only the very files that were open
  before, verifies the tail and that it still holds the last record this process saw in it,
  and commits once. That commit overwrites in the WAL whatever the failed one left, so
  from then on it either is in the store for good or never was. Callers were told "not durable"
  in both cases, which errs to the safe side: an intent that did land is closed as unknown by
  the orphan rule, an issuance whose outcome landed was never delivered.
- A file that was removed or replaced is never reopened: what it held cannot be known here. Put
  the file back (the same inode: the next call succeeds), or look into it and restart.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Self, TypeVar

from sqlalchemy import Connection

from broker.errors import LogUnavailable, Trouble
from broker.ids import new_id
from broker.model.stores import StoreLocation
from broker.ports.clock import Clock
from broker.ports.metering import UNMETERED, CommitMeter
from broker.ports.signing import LogSigner
from broker.ports.turns import FOR_NOBODY, Turns
from broker.store.committed import Committed
from broker.store.counters import Counter, bump
from broker.store.engines.choice import engine_at
from broker.store.engines.engine import Engine, Opening
from broker.store.jobs import Job, admitted, fail_rest, undone_alone
from broker.store.place import Reserve
from broker.store.queue import CommitQueue
from broker.store.sealing import Sealer
from broker.store.seen import Memory, Seen
from broker.store.transaction import Transaction
from broker.store.tree import Batch, Head, check_signed, read_head
from broker.texts import cleaned

T = TypeVar("T")

_log = logging.getLogger(__name__)
_TURN_S = 5.0
"""How long a thread waits for its turn to write."""


class Database:
    """A store, open in one process, for any number of its threads.

    Safe beside other processes on the same file; not across a fork. `clock` is the store's
    clock, which deadlines are compared with; `boot` names this opening in every record.
    """

    def __init__(
        self, engine: Engine, sealer: Sealer, signer: LogSigner, meter: CommitMeter, turns: Turns
    ) -> None:
        self.clock = sealer.clock
        self.boot = sealer.boot
        self._engine = engine
        self._sealer = sealer
        self._signer = signer
        self._meter = meter
        self._turns = turns
        self._turn = threading.Lock()
        self._queue = CommitQueue(self._settle)
        self._process = os.getpid()
        self._jammed = ""
        self._closed = False
        self._stopped: LogUnavailable | None = None
        self._finding: LogUnavailable | None = None
        self._opening: Opening = engine.open(signer)
        self._memory = Memory(self._first_seen())

    @classmethod
    def open(
        cls,
        where: StoreLocation,
        clock: Clock,
        signer: LogSigner,
        disk_reserve_mib: int = 0,
        meter: CommitMeter = UNMETERED,
        turns: Turns = FOR_NOBODY,
    ) -> Self:
        """Open the store that lies there; make it, with `signer`'s keys, where there is none.

        Threads that write stand aside in `turns` until it is done.
        Raises LogUnavailable: not ours, of another schema version, open to others, damaged, or
        not to be written to; SecretUnavailable where a new log has no key.
        """
        engine = engine_at(where, disk_reserve_mib)
        engine.make()
        return cls(engine, _sealer(clock), signer, meter, turns)

    @classmethod
    def open_existing(cls, where: StoreLocation, clock: Clock, signer: LogSigner) -> Self:
        """Open the store that lies there, which must have been made before.

        For whoever would rather fail than work on an empty store, as at a mistyped path.
        Raises LogUnavailable, as `open` does, and where there is no store.
        """
        engine = engine_at(where, 0)
        engine.check_made()
        return cls(engine, _sealer(clock), signer, UNMETERED, FOR_NOBODY)

    def close(self) -> None:
        """End every connection; what is called later raises LogUnavailable."""
        with self._my_turn():
            self._closed = True
            self._opening.close()

    def healthy(self) -> bool:
        """Whether an intent could be put on record now."""
        return self.trouble() is None

    def problem(self) -> str:
        """Why nothing can be put on record, for operators; empty when all is well."""
        trouble = self.trouble()
        return trouble.detail if trouble else ""

    def trouble(self) -> LogUnavailable | None:
        """What an intent would be refused with now, as far as that is known without a transaction."""
        try:
            self._check_usable()
            self._opening.check()
            self._opening.room().check(Reserve.HALF)
        except LogUnavailable as unavailable:
            return unavailable
        return self._finding

    def look(self) -> Head:
        """The log's head now, held against all that this process saw of the log before.

        Call it on a beat: `trouble` learns by it what would stop the next record, and when that is over.
        Raises LogUnavailable, as where the log went back or was replaced.
        """
        try:
            head, seen = self.read(partial(_looked, self._memory.newest()))
            signed = check_signed(head, self._signer)
        except LogUnavailable as unavailable:
            self._finding = unavailable
            raise
        if signed:
            self._memory.saw(seen)
        self._finding = None if signed else _no_key(head)
        return head

    def stop(self, why: LogUnavailable) -> None:
        """Take nothing any more in this process: it is known from elsewhere that the log is not the log."""
        _log.critical("the store takes nothing until this process is started anew: %s", why.detail)
        self._stopped = why

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection that only reads. Each statement sees every commit before it.

        Raises LogUnavailable.
        """
        self._check_usable()
        try:
            return self._opening.read(work)
        except self._opening.errors as error:
            raise LogUnavailable(f"the store cannot be read: {self._opening.told(error)}") from None

    def write(self, reserve: Reserve, work: Callable[[Transaction], T]) -> T:
        """Run `work` inside a write transaction and give its result once that is durable.

        As `commit`, for whoever needs no receipts.
        """
        return self.commit(reserve, work).result

    def commit(self, reserve: Reserve, work: Callable[[Transaction], T]) -> Committed[T]:
        """Run `work` inside a write transaction; its result, and receipts, once that is durable.

        Threads that write at the same time share a transaction, each undone by itself; so `work`
        may run in another thread, and a second time after all of the first was undone: it must
        change nothing but the store. Whatever it raises undoes all of it and comes out as it is.
        Raises LogUnavailable when the store did not take it; the module's text says what is known
        then.
        """
        job = Job(reserve, work)
        with self._turns.aside():
            self._queue.run(job, _TURN_S)
        committed: Committed[T] = job.outcome()
        return committed

    def turn(self, name: str, within_s: float) -> AbstractContextManager[bool]:
        """One at a time, of all processes on this store, does what `name` stands for.

        `name` is of letters, digits and hyphens. False where the turn does not come in time. Whoever
        ends, even killed, gives the turn back by that. Raises LogUnavailable.
        """
        return self._engine.turn(name, within_s)

    def reopen(self) -> None:
        """Recover from an error at COMMIT, as the module's text says; nothing to do otherwise.

        Raises LogUnavailable, and then the Database stays as it was.
        """
        with self._my_turn():
            if self._jammed and not self._closed:
                self._reconnect()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_TURN_S):
            raise LogUnavailable(f"no turn to write within {_TURN_S:.0f} s")
        try:
            yield
        finally:
            self._turn.release()

    def _first_seen(self) -> Seen:
        try:
            head, seen = self.read(partial(_looked, Seen()))
            return seen if check_signed(head, self._signer) else Seen()
        except BaseException:  # nobody else can close it
            self._opening.close()
            raise

    def _check_usable(self) -> None:
        if self._closed:
            raise LogUnavailable("the store is closed")
        if self._stopped:
            raise LogUnavailable(self._stopped.detail, self._stopped.trouble)
        if self._jammed:
            raise LogUnavailable(self._jammed, Trouble.COMMIT_UNKNOWN)
        if os.getpid() != self._process:
            raise LogUnavailable("the store was opened before a fork; open it in each process")

    def _settle(self, jobs: Sequence[Job]) -> None:
        """Give every job its end. Raises nothing: each job's own thread learns what became of it."""
        try:
            with self._my_turn():
                self._check_usable()
                self._take(jobs)
        except LogUnavailable as unavailable:
            fail_rest(jobs, unavailable)
        except BaseException as interruption:  # noqa: BLE001 - comes out in the thread whose job leads
            jobs[0].fail(interruption)
            fail_rest(jobs, LogUnavailable("the write was interrupted"))

    def _take(self, jobs: Sequence[Job]) -> None:
        if self._opening.lost():
            self._reconnect()
        room = self._opening.room()
        willing = [job for job in jobs if admitted(job, room)]
        if not willing:
            return
        with self._opening.alone():
            if len(willing) > 1 and self._together(willing):
                return
            for job in willing:
                self._alone(job)

    def _together(self, jobs: Sequence[Job]) -> bool:
        """One transaction for all; False, and nothing is left of it, where the store failed in it.

        Then each is tried by itself, since what one of them wants may be what the store cannot do.
        """
        results: dict[Job, object] = {}
        opening = self._opening
        transaction = Transaction(opening.writer, self._sealer, self._signer, self._memory.newest())
        try:
            self._begin()
            for job in jobs:
                with undone_alone(job, transaction, opening.errors):
                    results[job] = job.work(transaction)
            batch = transaction.seal()
        except opening.errors:
            self._roll_back()
            return False
        except BaseException:  # whatever ends a job's work, nothing of the others may stay half done
            self._roll_back()
            raise
        self._commit(transaction, batch)
        for job, result in results.items():
            job.succeed(Committed(result, batch))
        return True

    def _alone(self, job: Job) -> None:
        try:
            self._check_usable()
            job.succeed(self._transact(job.work))
        except Exception as error:  # noqa: BLE001 - the job's thread raises it
            job.fail(error)

    def _transact(self, work: Callable[[Transaction], T]) -> Committed[T]:
        opening = self._opening
        transaction = Transaction(opening.writer, self._sealer, self._signer, self._memory.newest())
        try:
            self._begin()
            result, batch = work(transaction), transaction.seal()
        except opening.errors as error:
            self._roll_back()
            raise self._not_taken(error) from None
        except BaseException:  # whatever ends `work`, nothing of it may stay
            self._roll_back()
            raise
        self._commit(transaction, batch)
        return Committed(result, batch)

    def _begin(self) -> None:
        """Raises LogUnavailable, not the store's own error: whoever waited as long need not try it again."""
        try:
            self._opening.begin()
        except self._opening.errors as error:
            raise self._not_taken(error) from None

    def _not_taken(self, error: Exception) -> LogUnavailable:
        return LogUnavailable(f"the store did not take a record: {self._opening.told(error)}")

    def _commit(self, transaction: Transaction, batch: Batch | None) -> None:
        began = self.clock.monotonic()
        try:
            self._opening.commit()
        except self._opening.errors as error:
            self._commit_lost(f"whether a commit is durable is not known: {self._opening.told(error)}")
            raise LogUnavailable(self._jammed, Trouble.COMMIT_UNKNOWN) from None
        except BaseException:  # interrupted in the middle: just as unknown
            self._commit_lost("a commit was interrupted")
            raise
        if batch:
            self._memory.saw(Seen.after(batch))
        self._meter.committed(transaction.records, self.clock.monotonic() - began)

    def _commit_lost(self, why: str) -> None:
        self._jam(why)
        self._roll_back()
        self._meter.commit_lost()

    def _roll_back(self) -> None:
        try:
            self._opening.roll_back()
        except self._opening.errors as error:
            self._jam(f"a transaction could not be undone: {self._opening.told(error)}")

    def _jam(self, why: str) -> None:
        _log.critical("the store takes nothing until it is opened anew: %s", why)
        self._jammed = why

    def _reconnect(self) -> None:
        opening = self._opening.anew()
        try:
            _check_kept(opening, self._memory.newest())
        except LogUnavailable:
            opening.close()
            raise
        self._opening = opening
        self._transact(lambda transaction: bump(transaction.connection, Counter.REOPENED))
        _log.warning("the store was opened anew and takes records again")
        self._jammed = ""


def _sealer(clock: Clock) -> Sealer:
    return Sealer(clock, boot=new_id(clock), node=cleaned(socket.gethostname(), 253))


def _check_kept(opening: Opening, seen: Seen) -> None:
    """Whether all that was durable is still there. Raises LogUnavailable."""
    try:
        seen.check(opening.writer, read_head(opening.writer))
    except opening.errors as error:
        raise LogUnavailable(f"the store cannot be read: {opening.told(error)}") from None


def _looked(seen: Seen, connection: Connection) -> tuple[Head, Seen]:
    head = read_head(connection)
    seen.check(connection, head)
    return head, Seen.of(connection, head)


def _no_key(head: Head) -> LogUnavailable:
    return LogUnavailable(
        f"none of the keys that sign the log is here: {', '.join(head.signers)}", Trouble.LOG_KEY_MISSING
    )
