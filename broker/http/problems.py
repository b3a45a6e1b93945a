"""Every refusal and failure as a problem document (RFC 9457) that tells a code, an id and advice."""

import json
import logging

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from broker.defects import told
from broker.errors import REASONS, Limited, Reason, Refused
from broker.http.context import maybe_asked
from broker.ids import new_issuance_id
from broker.model.names import IssuanceId
from broker.ports.clock import Clock
from broker.server.problem import MEDIA_TYPE, document

_log = logging.getLogger(__name__)

_OF_STATUS = {
    404: Reason.NOT_FOUND,
    405: Reason.METHOD_NOT_ALLOWED,
    413: Reason.TOO_LARGE,
    415: Reason.UNSUPPORTED_MEDIA_TYPE,
}


class Challenged(Refused):
    """Nobody is authenticated; `challenge` is the WWW-Authenticate header that says what to bring."""

    def __init__(self, reason: Reason, detail: str, challenge: str) -> None:
        super().__init__(reason, detail)
        self.challenge = challenge


class InvalidRequest(Refused):
    """The request does not fit its schema; `faults` say where and never repeat what was sent."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(Reason.INVALID_REQUEST, "; ".join(f"{place} {what}" for place, what in faults))
        self.faults = faults


def install_problems(app: Flask, clock: Clock) -> None:
    """Answer every exception in this one form: ours, Werkzeug's, and defects, which tell nothing."""

    def refused(refusal: Refused) -> Response:
        return _counted(refusal, _answer_id(clock))

    def http_error(error: HTTPException) -> Response:
        answer = _counted(Refused(_reason_of(error)), _answer_id(clock))
        if allow := [value for name, value in error.get_headers() if name == "Allow"]:
            answer.headers["Allow"] = ", ".join(allow)
        return answer

    def defect(error: Exception) -> Response:
        answer_id = _answer_id(clock)
        # its text may hold anything, a secret included: the type and the place must do
        _log.error("a request met a defect: %s", told(error), extra={"issuance": answer_id})
        return _counted(Refused(Reason.INTERNAL_ERROR), answer_id)

    app.register_error_handler(Refused, refused)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, defect)


def _counted(refusal: Refused, answer_id: IssuanceId) -> Response:
    if known := maybe_asked():
        known.refuse_for(refusal.reason)
    return problem(refusal, answer_id)


def told_of(refusal: Refused, answer_id: IssuanceId) -> dict[str, object]:
    """The document's fields: what differs only inside the broker looks the same from outside."""
    body = document(refusal.reason, answer_id)
    if isinstance(refusal, InvalidRequest):
        body["errors"] = [{"pointer": place, "problem": what} for place, what in refusal.faults]
    return body


def problem(refusal: Refused, answer_id: IssuanceId) -> Response:
    """The answer to a refusal."""
    body = json.dumps(told_of(refusal, answer_id))
    answer = Response(body, status=REASONS[refusal.reason].status, content_type=MEDIA_TYPE)
    if (wait_s := retry_after_s(refusal)) is not None:
        answer.headers["Retry-After"] = str(wait_s)
    if isinstance(refusal, Challenged):
        answer.headers["WWW-Authenticate"] = refusal.challenge
    return answer


def retry_after_s(refusal: Refused) -> int | None:
    """Whole seconds, at least one; None where waiting does not help."""
    if isinstance(refusal, Limited):
        return max(1, refusal.retry_after_s)
    return REASONS[refusal.reason].retry_after_s


def _reason_of(error: HTTPException) -> Reason:
    status = error.code or 500
    if status in _OF_STATUS:
        return _OF_STATUS[status]
    return Reason.MALFORMED if status < 500 else Reason.INTERNAL_ERROR  # noqa: PLR2004 - HTTP's own boundary


def _answer_id(clock: Clock) -> IssuanceId:
    known = maybe_asked()
    return known.answer_id if known else new_issuance_id(clock)
