"""GET /v1/issuances and /v1/issuances/{id}: an app sees its own, `audit.read` sees all."""

from flask import Response, request

from broker.errors import REASONS, InvalidName, Reason, Refused
from broker.http.answers import IssuanceAnswer, IssuancesAnswer
from broker.http.context import asked
from broker.http.query import asked_page, not_a_cursor, only
from broker.http.recording import refusals_on_record
from broker.http.replies import reply
from broker.model.issuance import Caller
from broker.model.names import AppId, parse_issuance_id
from broker.model.policy import Scope
from broker.ports.access import AccessLog, Issuances, IssuanceView
from broker.ports.issuing import Limits

PATH = "/v1/issuances"
ONE = "/v1/issuances/<issuance>"


class IssuanceViews:
    """Both views. An unknown id and another app's look the same."""

    def __init__(self, issuances: Issuances, log: AccessLog, limits: Limits) -> None:
        self._issuances = issuances
        self._log = log
        self._limits = limits

    def page(self) -> Response:
        """Issuances, newest first."""
        about = asked()
        with refusals_on_record(self._log, about, PATH):
            self._limits.charge_caller(about.known.app)
            size, start = asked_page(request)
            return self._page(about.known, start, size)

    def one(self, issuance: str) -> Response:
        """One issuance."""
        about = asked()
        with refusals_on_record(self._log, about, ONE):
            self._limits.charge_caller(about.known.app)
            only(request, ())
            return self._one(about.known, issuance)

    def _page(self, caller: Caller, start: str | None, size: int) -> Response:
        try:
            found = self._issuances.page(_whose(caller), start, size)
        except InvalidName:
            raise not_a_cursor() from None
        items = tuple(_item(view, caller) for view in found.items)
        return reply(IssuancesAnswer(items=items, next_cursor=found.next_cursor))

    def _one(self, caller: Caller, issuance: str) -> Response:
        try:
            found = self._issuances.one(_whose(caller), parse_issuance_id(issuance))
        except InvalidName:
            found = None
        if found is None:
            raise Refused(Reason.NOT_FOUND)
        return reply(_item(found, caller))


def _whose(caller: Caller) -> AppId | None:
    return None if Scope.AUDIT_READ in caller.scopes else caller.app


def _item(view: IssuanceView, caller: Caller) -> IssuanceAnswer:
    return IssuanceAnswer(
        issuance=view.issuance,
        app=view.app,
        state=view.state,
        reason=_told(view.reason, caller),
        host=view.host,
        vcenter=view.vcenter,
        grant=view.grant,
        attempts=view.attempts,
        at=view.at,
        exposure_until=view.exposure_until,
    )


def _told(reason: str | None, caller: Caller) -> str | None:
    """The true reason for auditors; for an app the one that it was answered with."""
    if reason is None or Scope.AUDIT_READ in caller.scopes:
        return reason
    try:
        return str(REASONS[Reason(reason)].shown_as)
    except ValueError:
        return str(Reason.INTERNAL_ERROR)
