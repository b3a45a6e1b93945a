"""What rooms tell whoever measures: counts, seconds, and words of closed lists.

No name that a caller, a vCenter or a host chose goes through here: only ids of the policy in force,
reasons, codes, and routes of the table. Nothing here raises.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from broker.errors import Reason
from broker.model.names import TemplateId, VcenterId


class Stop(StrEnum):
    """The stops of a ticket request's way; each after the first two lasts from the end of the one before."""

    AUTHENTICATE = "authenticate"
    CALLER_LIMIT = "caller_limit"
    FIND_HOST = "find_host"
    FIND_GRANT = "find_grant"
    READINESS = "readiness"
    GRANT_LIMIT = "grant_limit"
    INTENT = "intent"
    PROOF = "proof"
    TICKET = "ticket"
    OUTCOME = "outcome"


Stops: TypeAlias = list[tuple[Stop, float]]
"""The stops that a request came to, in order, and how long each took, in seconds."""


class Ended(StrEnum):
    """How a ticket request ended: as its attempt did, or before or without one."""

    ISSUED = "issued"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REHEARSED = "rehearsed"


@dataclass(frozen=True, slots=True)
class WayEnd:
    """The end of one ticket request. None where it was not known yet, or there is none."""

    ended: Ended
    template: TemplateId | None
    vcenter: VcenterId | None
    reason: Reason | None


class WayMeter(Protocol):
    """Measures the way of a request."""

    def ended(self, end: WayEnd, stops: Stops) -> None:
        """A ticket request ended, on record or refused with log_unavailable."""
        ...

    def proved(self, vcenter: VcenterId, age_s: float) -> None:
        """A proof of that age is used."""
        ...


class RequestMeter(Protocol):
    """Measures HTTP. `route` is the table's; None where there is none."""

    def authenticated(self, seconds: float) -> None:
        """An access token was looked at, whatever came of it."""
        ...

    def answered(self, route: str | None, status: int, seconds: float) -> None:
        """An answer is ready; one that is streamed begins."""
        ...

    def refused(self, route: str | None, reason: Reason) -> None:
        """The answer says no. Counted beside `answered`, under the reason as the log has it."""
        ...


class CallResult(StrEnum):
    """What became of one call of vCenter."""

    ANSWERED = "answered"
    FAULT = "fault"
    NOT_SENT = "not_sent"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class VcenterLoad:
    """What a process has going on at one vCenter: sessions, calls, and threads that wait for one."""

    sessions: int
    running: int
    waiting: int


class CallMeter(Protocol):
    """Measures calls of vCenter."""

    def called(self, vcenter: VcenterId, method: str, result: CallResult, seconds: float) -> None:
        """One call ended. `method` is the API's own name, which our code chose."""
        ...


class CommitMeter(Protocol):
    """Measures the store."""

    def committed(self, records: int, seconds: float) -> None:
        """A transaction is durable, with so many records of the log; COMMIT took so long."""
        ...

    def commit_lost(self) -> None:
        """COMMIT failed: whether the transaction is durable is not known."""
        ...


class Unmetered:
    """All of it, where nobody measures."""

    def ended(self, end: WayEnd, stops: Stops) -> None:
        """Nothing."""

    def proved(self, vcenter: VcenterId, age_s: float) -> None:
        """Nothing."""

    def authenticated(self, seconds: float) -> None:
        """Nothing."""

    def answered(self, route: str | None, status: int, seconds: float) -> None:
        """Nothing."""

    def refused(self, route: str | None, reason: Reason) -> None:
        """Nothing."""

    def called(self, vcenter: VcenterId, method: str, result: CallResult, seconds: float) -> None:
        """Nothing."""

    def committed(self, records: int, seconds: float) -> None:
        """Nothing."""

    def commit_lost(self) -> None:
        """Nothing."""


UNMETERED = Unmetered()
