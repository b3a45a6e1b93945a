"""GET /v1/drift: what the controller found in vCenter that is not as it was applied."""

from collections.abc import Mapping

from flask import Response, request

from broker.http.context import asked
from broker.http.drift_answers import DriftAnswer, DriftsAnswer, FindingAnswer, WatchedAnswer
from broker.http.query import asked_page_by_id
from broker.http.recording import refusals_on_record
from broker.http.replies import reply
from broker.model.applied import AppliedGrant, Drift
from broker.model.names import VcenterId
from broker.model.policy import Policy
from broker.policy.watched import Watched, watched
from broker.ports.access import AccessLog
from broker.ports.issuing import Rooms

PATH = "/v1/drift"


class DriftViews:
    """The view, of the policy in force in this process. The cursor of a page is its last grant."""

    def __init__(self, rooms: Rooms, log: AccessLog) -> None:
        self._rooms = rooms
        self._log = log

    def get(self) -> Response:
        """A page of grants that drifted."""
        about = asked()
        with refusals_on_record(self._log, about, PATH):
            self._rooms.limits.charge_caller(about.known.app)
            size, start = asked_page_by_id(request)
        policy = self._rooms.policy.current()
        seen = watched(policy, self._rooms.entitlements.now(), self._rooms.clock.now())
        drifted = sorted((a for each in seen.values() for a in each.drifted), key=lambda a: a.grant)
        rest = [applied for applied in drifted if start is None or applied.grant > start]
        page = rest[:size]
        return reply(
            DriftsAnswer(
                items=tuple(_item(applied, applied.drift, policy) for applied in page if applied.drift),
                next_cursor=page[-1].grant if len(rest) > size else None,
                vcenters=_vcenters(seen),
            )
        )


def _item(applied: AppliedGrant, drift: Drift, policy: Policy) -> DriftAnswer:
    grant = policy.grants[applied.grant]
    return DriftAnswer(
        grant=grant.id,
        app=grant.app,
        template=grant.template,
        vcenter=applied.vcenter,
        standing=applied.standing,
        found_at=drift.found_at,
        applied_at=applied.applied_at,
        findings=tuple(
            FindingAnswer(kind=found.kind, text=found.text, changed_by=found.changed_by)
            for found in drift.findings
        ),
    )


def _vcenters(seen: Mapping[VcenterId, Watched]) -> tuple[WatchedAnswer, ...]:
    return tuple(
        WatchedAnswer(vcenter=vcenter, heard_at=each.heard_at, silent=each.silent, drifted=len(each.drifted))
        for vcenter, each in sorted(seen.items())
    )
