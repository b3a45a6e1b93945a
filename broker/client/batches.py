"""The lines of a batch's answer as values, each as it comes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from broker.client.answers import AnswerModel, TicketAnswer, read_as, read_ticket
from broker.client.errors import BadAnswer, BatchEnded, BrokerRefused, BrokerUnreachable
from broker.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class HostTicket:
    """A host, as it was asked for, and its ticket."""

    host: str
    ticket: TicketAnswer
    replayed: bool
    """The host had a ticket under the same Idempotency-Key before."""


@dataclass(frozen=True, slots=True)
class HostRefused:
    """A host, as it was asked for, and why it gets no ticket."""

    host: str
    refusal: BrokerRefused


class _Problem(AnswerModel):
    status: int
    code: str
    title: str
    advice: str = ""
    id: str
    retry_after_s: int | None = None


class _Summary(AnswerModel):
    not_attempted: Annotated[int, Field(ge=0)]


class _Line(AnswerModel):
    index: Annotated[int, Field(ge=0)] | None = None
    ticket: Mapping[str, Any] | None = None
    replayed: str | None = None
    problem: _Problem | None = None
    summary: _Summary | None = None


class BatchReader:
    """Reads the answer to a batch of these hosts, which was asked for at `asked_at`."""

    def __init__(self, hosts: Sequence[str], asked_at: datetime, clock: Clock) -> None:
        self._hosts = hosts
        self._asked_at = asked_at
        self._clock = clock
        self._first: datetime | None = None
        self._missing = set(range(len(hosts)))

    def results(self, lines: Iterable[bytes]) -> Iterator[HostTicket | HostRefused]:
        """One for each host, in the order of the lines.

        Raises BadAnswer, BatchEnded where hosts were not attempted, and BrokerUnreachable where the
        answer was cut: a host without a line may then have a ticket that nobody was given.
        """
        for text in lines:
            line = _parsed(text)
            if line.summary is not None:
                self._check_all_told(line.summary)
                return
            yield self._result(line)
        raise BrokerUnreachable(f"the answer was cut: {len(self._missing)} hosts have no line")

    def _result(self, line: _Line) -> HostTicket | HostRefused:
        host = self._host(line.index)
        if line.ticket is not None:
            return HostTicket(host, self._ticket(line.ticket), line.replayed is not None)
        if line.problem is not None:
            return HostRefused(host, _refusal(line.problem))
        raise BadAnswer("a line of the answer has neither a ticket nor a problem")

    def _host(self, index: int | None) -> str:
        if index is None or index not in self._missing:
            raise BadAnswer("a line of the answer is for no host that was asked for, or for one again")
        self._missing.discard(index)
        return self._hosts[index]

    def _ticket(self, document: Mapping[str, Any]) -> TicketAnswer:
        """A ticket that is usable for as long as if it had been asked for when it was, and no longer.

        The broker's clock says how long after the first line that was; the first one came after
        the request was sent.
        """
        now = self._clock.now()
        ticket = read_ticket(document, now)
        self._first = self._first or ticket.server_time
        asked_at = min(now, self._asked_at + (ticket.server_time - self._first))
        return replace(ticket, usable_until=ticket.usable_until - (now - asked_at))

    def _check_all_told(self, summary: _Summary) -> None:
        if len(self._missing) != summary.not_attempted:
            raise BadAnswer("the answer's last line counts other hosts than its lines")
        if self._missing:
            raise BatchEnded(tuple(self._hosts[index] for index in sorted(self._missing)))


def _parsed(text: bytes) -> _Line:
    try:
        document = json.loads(text)
    except ValueError:
        raise BadAnswer("a line of the answer is not JSON") from None
    return read_as(_Line, document)


def _refusal(told: _Problem) -> BrokerRefused:
    return BrokerRefused(told.status, told.code, told.title, told.advice, told.id, told.retry_after_s)
