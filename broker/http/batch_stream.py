"""A batch's answer as it is made: a line for each host as it ends, at last a summary."""

import json
import logging
from collections.abc import Iterator

from broker.batch import Batch, Finished
from broker.errors import Limited, LogUnavailable, Refused
from broker.http.batch_answers import Summary, SummaryLine, TicketLine
from broker.http.issued import ticket_answer
from broker.http.problems import retry_after_s, told_of
from broker.model.issuance import BatchEnd, Caller, IssuedTicket, NotAttempted
from broker.model.names import IssuanceId
from broker.ports.clock import Clock
from broker.ports.issuing import Ledger

_log = logging.getLogger(__name__)


class BatchStream:
    """The lines. `hosts` are the names as they were asked for, `answer_id` names the batch in the log."""

    def __init__(
        self,
        batch: Batch,
        hosts: list[str],
        answer_id: IssuanceId,
        caller: Caller,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        self._batch = batch
        self._hosts = hosts
        self._answer_id = answer_id
        self._caller = caller
        self._ledger = ledger
        self._clock = clock
        self._issued = 0
        self._refused = 0

    def lines(self) -> Iterator[bytes]:
        """Each when it is due. Closed early, as by a reader who went, what runs still comes to its end.

        Without the record of what was not attempted there is no summary, so the reader takes the
        answer for cut.
        """
        try:
            with self._batch:
                for finished in self._batch:
                    yield self._line(finished)
        finally:
            on_record = self._rest_on_record()
        if on_record:
            yield self._summary()

    def _line(self, finished: Finished) -> bytes:
        match finished.result:
            case IssuedTicket() as ticket:
                self._issued += 1
                return self._ticket_line(finished.index, ticket)
            case Refused() as refusal:
                self._refused += 1
                return self._problem_line(finished, refusal)

    def _ticket_line(self, index: int, ticket: IssuedTicket) -> bytes:
        line = TicketLine(
            index=index,
            host=self._hosts[index],
            ticket=ticket_answer(ticket, self._clock.now()),
            replayed="reissued" if ticket.attempt > 1 else None,
        )
        return line.model_dump_json().encode() + b"\n"

    def _problem_line(self, finished: Finished, refusal: Refused) -> bytes:
        problem = told_of(refusal, finished.request.issuance)
        if (wait_s := retry_after_s(refusal)) is not None:
            problem["retry_after_s"] = wait_s
        line = {"index": finished.index, "host": self._hosts[finished.index], "problem": problem}
        return json.dumps(line).encode() + b"\n"

    def _summary(self) -> bytes:
        asked = len(self._hosts)
        summary = Summary(
            asked=asked,
            issued=self._issued,
            refused=self._refused,
            not_attempted=len(self._batch.not_begun),
        )
        return SummaryLine(summary=summary).model_dump_json().encode() + b"\n"

    def _rest_on_record(self) -> bool:
        """Whether what was not begun, if anything, is on record, singly or in an aggregate."""
        rest = self._batch.not_begun
        if not rest:
            return True
        left = NotAttempted(
            batch=self._answer_id,
            hosts=tuple(request.host for request in rest),
            vcenter=rest[0].vcenter,
            grant=rest[0].grant,
            ended_by=self._batch.ended_by or BatchEnd.DISCONNECTED,
        )
        try:
            self._ledger.leave(left, self._caller)
        except Limited:
            return True
        except LogUnavailable as unavailable:
            _log.error("what batch %s left is not on record: %s", self._answer_id, unavailable)
            return False
        return True
