"""Looking whether what was applied still holds. Reads vCenter, writes the store, changes nothing else."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from broker.controller.apply import ControllerRooms
from broker.controller.drift import findings_of
from broker.errors import BrokerError, LogUnavailable, Reason, Refused
from broker.model.applied import AppliedGrant, Drift, Finding
from broker.model.names import VcenterId
from broker.model.policy import Policy, Vcenter
from broker.model.record import Event, JsonValue, Record
from broker.ports.administration import Administration

_log = logging.getLogger(__name__)


class Watch:
    """Keeps one privileged session per vCenter between rounds. One thread calls `round`."""

    def __init__(self, rooms: ControllerRooms) -> None:
        self._rooms = rooms
        self._open: dict[Vcenter, Administration] = {}
        self._closed = False

    def round(self, policy: Policy) -> None:
        """Look at every grant that stands as the policy has it, and mark what changed.

        A grant whose text changed since it was applied is `serve`'s to refuse already, and one
        that is applied anew while it is looked at waits for the next round. A vCenter
        that cannot be asked proves nothing: it is logged, and asked again in the next round.
        Raises LogUnavailable.
        """
        self._close_others(policy)
        by_vcenter: dict[VcenterId, list[AppliedGrant]] = defaultdict(list)
        for applied in self._rooms.store.all():
            grant = policy.grants.get(applied.grant)
            if grant is None or grant.digest != applied.digest:
                continue
            if policy.accounts[grant.account].vcenter == applied.vcenter:
                by_vcenter[applied.vcenter].append(applied)
        for vcenter, grants in by_vcenter.items():
            try:
                self._look(policy, policy.vcenters[vcenter], grants)
            except LogUnavailable:
                raise
            except BrokerError as error:
                _log.warning("vCenter %s could not be looked at: %s", vcenter, error)

    def close(self) -> None:
        """Log out everywhere, for good, and end what runs. May be called from any thread. Never raises."""
        self._closed = True
        while self._open:
            _, administration = self._open.popitem()
            administration.close()

    def _close_others(self, policy: Policy) -> None:
        current = set(policy.vcenters.values())
        for vcenter in [v for v in self._open if v not in current]:
            self._open.pop(vcenter).close()

    def _look(self, policy: Policy, vcenter: Vcenter, grants: Sequence[AppliedGrant]) -> None:
        seen = self._administration(vcenter).survey()
        for applied in grants:
            grant = policy.grants[applied.grant]
            user = policy.accounts[grant.account].user
            self._mark(applied, findings_of(seen, applied, policy.templates[grant.template], user))

    def _administration(self, vcenter: Vcenter) -> Administration:
        if vcenter not in self._open:
            self._open[vcenter] = self._rooms.administration(vcenter)
        if self._closed:
            raise Refused(Reason.SHUTTING_DOWN)
        return self._open[vcenter]

    def _mark(self, applied: AppliedGrant, findings: tuple[Finding, ...]) -> None:
        if findings == (applied.drift.findings if applied.drift else ()):
            return
        drift = Drift(findings, self._rooms.clock.now()) if findings else None
        if self._rooms.store.mark(applied, drift, _record(applied, drift)):
            _log.warning("grant %s: %s", applied.grant, drift or "holds again")


def _record(applied: AppliedGrant, drift: Drift | None) -> Record:
    fields: dict[str, JsonValue] = {"grant": applied.grant, "vcenter": applied.vcenter}
    if drift is None:
        return Record(Event.GRANT_HOLDS_AGAIN, fields)
    fields |= {
        "standing": replace(applied, drift=drift).standing.value,
        "kinds": [kind.value for kind in drift.kinds],
        "finding": str(drift),
    }
    if drift.changed_by:
        fields["changed_by"] = list(drift.changed_by)
    return Record(Event.GRANT_DRIFTED, fields)
