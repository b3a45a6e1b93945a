"""Many tickets: each host goes the whole way of `issue()` by itself, so many at a time, as its reader reads.

A ticket dies in two minutes, so none is taken that nobody is there to use: what was begun and is
not yet delivered is counted, and beyond AHEAD of them no further host is begun.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import BoundedSemaphore, Condition, Thread
from types import TracebackType
from typing import Self

from broker.defects import told
from broker.errors import Reason, Refused
from broker.issue import issue
from broker.logs import begin_answer, end_answer
from broker.model.inventory import Host
from broker.model.issuance import BatchEnd, Caller, IssuedTicket, TicketRequest, VcenterTicket
from broker.model.names import AccountId
from broker.ports.issuing import Rooms, TicketOffice
from broker.ports.turns import Turns

_log = logging.getLogger(__name__)

AHEAD = 16
"""So many hosts may be ahead of the reader, those under way included; more where more run at a time."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One host of a batch, on record: which, and how its request ended."""

    index: int
    request: TicketRequest
    result: IssuedTicket | Refused


class Batch:
    """Requests of one caller, `calls` of them with vCenter for a ticket at a time.

    Nearly twice as many are under way, as far as AHEAD allows: what is decided and recorded before
    and after a ticket call goes on beside other hosts' calls, so a disk that takes its time costs
    no place. With one call at a time there is one host at a time.

        with Batch(...) as batch:
            for finished in batch: ...   # in the order in which they end
        batch.not_begun                  # none where everybody was served

    The first `scouts` of them go ahead, and the others follow when those have ended: for where what
    they all need is brought by the first, and those who wait for it would be in each other's way.
    Before each host `ended` is asked whether to go on. Asking for the next result says that the
    one before was delivered. Leaving the block begins no more, and returns when all that was begun
    is on record. The threads compute when it is the turn of the app whose request this one serves.
    """

    def __init__(
        self,
        requests: Sequence[TicketRequest],
        caller: Caller,
        rooms: Rooms,
        calls: int,
        scouts: int,
        ended: Callable[[], BatchEnd | None],
        turns: Turns,
    ) -> None:
        self._requests = requests
        self._caller = caller
        self._rooms = replace(rooms, tickets=_Places(rooms.tickets, calls, turns))
        self._ask_ended = ended
        self._turns = turns
        self._whose = ""
        self._changed = Condition()
        self._scouts = scouts
        self._begun = 0
        self._done = 0
        self._ahead = 0
        self._most_ahead = max(AHEAD, calls)
        self._left = False
        self._results: SimpleQueue[Finished | None] = SimpleQueue()
        threads = range(min(len(requests), _threads_for(calls)))
        self._threads = [Thread(target=self._work, name="batch", daemon=True) for _ in threads]
        self.ended_by: BatchEnd | None = None
        """What `ended` said, if it ever said that this is the end."""

    @property
    def not_begun(self) -> Sequence[TicketRequest]:
        """The requests that nothing was done for; final once the block is left."""
        return self._requests[self._begun :]

    def __enter__(self) -> Self:
        self._whose = self._turns.whose()
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # the machine has no thread left: none of ours may wait for a reader
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def __iter__(self) -> Iterator[Finished]:
        working = len(self._threads)
        while working:
            with self._turns.aside():
                finished = self._results.get()
            if finished is None:
                working -= 1
                continue
            yield finished
            with self._changed:
                self._ahead -= 1
                self._changed.notify()

    def _leave(self) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        with self._turns.aside():
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join()

    def _work(self) -> None:
        try:
            while (index := self._next()) is not None:
                with self._turns.helping(self._whose):
                    self._results.put(self._finished(index))
                self._count_done()
        finally:
            self._results.put(None)

    def _next(self) -> int | None:
        """Which request to begin; None where there is none any more, or nobody who waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._over() or self._may_begin())
            if not self._over():
                self.ended_by = self._ask_ended()
            if self._over():
                self._changed.notify_all()
                return None
            self._begun += 1
            self._ahead += 1
            return self._begun - 1

    def _count_done(self) -> None:
        with self._changed:
            self._done += 1
            if self._done == self._scouts:
                self._changed.notify_all()

    def _may_begin(self) -> bool:
        scouted = self._begun < self._scouts or self._done >= self._scouts
        return scouted and self._ahead < self._most_ahead

    def _over(self) -> bool:
        return self._left or self.ended_by is not None or self._begun == len(self._requests)

    def _finished(self, index: int) -> Finished:
        request = self._requests[index]
        begin_answer(request.issuance)
        result = self._result(request)
        _log.info("host of a batch")
        end_answer()
        return Finished(index, request, result)

    def _result(self, request: TicketRequest) -> IssuedTicket | Refused:
        try:
            return issue(request, self._caller, self._rooms)
        except Refused as refusal:
            return refusal
        except Exception as defect:  # noqa: BLE001 - the others of the batch go on, and each has its line
            _log.error("a host of a batch: %s", told(defect))
            return Refused(Reason.INTERNAL_ERROR)


def _threads_for(calls: int) -> int:
    return max(calls, min(2 * calls - 1, AHEAD))


class _Places:
    """The ticket office, with so many of a batch in it at a time."""

    def __init__(self, office: TicketOffice, places: int, turns: Turns) -> None:
        self._office = office
        self._turns = turns
        self._places = BoundedSemaphore(places)

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        """See `TicketOffice.acquire`."""
        with self._turns.aside():
            self._places.acquire()
        try:
            return self._office.acquire(account, host, operation_id, permit)
        finally:
            self._places.release()
