"""What is known of the request in hand, from the first hook to the last."""

from dataclasses import dataclass, field

from flask import Request, g, has_request_context, request

from broker.errors import Reason
from broker.logs import begin_answer, know
from broker.model.issuance import Caller, Origin
from broker.model.names import IssuanceId


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one budget, for the RateLimit headers. Seconds until one more is free."""

    name: str
    count: int
    window_s: int
    remaining: int
    reset_s: int


@dataclass(slots=True)
class Asked:
    """One request: its origin, the id that its answer carries, and who asks once that is known."""

    origin: Origin
    answer_id: IssuanceId
    caller: Caller | None = None
    refused_for: Reason | None = None
    budgets: list[Left] = field(default_factory=list)

    @property
    def known(self) -> Caller:
        """The authenticated caller. Raises RuntimeError in a view of an open route."""
        if self.caller is None:
            raise RuntimeError("nobody is authenticated here")
        return self.caller

    def answer_as(self, answer_id: IssuanceId) -> None:
        """Let the answer carry the id of the record that was just made of it."""
        self.answer_id = answer_id
        know(issuance=answer_id)

    def refuse_for(self, reason: Reason) -> None:
        """Let it be counted and logged that the answer says no, and the true reason why."""
        self.refused_for = reason
        know(reason=reason.value)


def requested() -> Request:
    """The request itself: each attribute of Flask's proxy to it is a look-up of its own."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - Werkzeug's documented way
    return found


def begin(origin: Origin, answer_id: IssuanceId) -> None:
    """Start the account of this request; what is logged from now on carries the answer's id."""
    g.asked = Asked(origin, answer_id)
    begin_answer(answer_id)


def asked() -> Asked:
    """The account of this request."""
    found: Asked = g.asked
    return found


def maybe_asked() -> Asked | None:
    """The account of this request; None before it began, where only a defect can lead."""
    return g.get("asked") if has_request_context() else None
