"""How far `serve` may trust that it would hear of a drift, and what it has heard."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.applied import AppliedGrant, DriftKind
from broker.model.names import VcenterId
from broker.model.policy import DriftMode, Grant, Policy
from broker.ports.clock import Clock
from broker.ports.issuing import Entitlements, InForce, PolicySource

SILENT_AFTER = timedelta(minutes=10)
"""Of a controller that knew nothing new of a vCenter for so long nobody knows what it would say."""

_LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Watched:
    """One vCenter as the controller last told of it. `heard_at` is None where it never did."""

    heard_at: datetime | None
    silent: bool
    drifted: Mapping[DriftKind, int]
    """How many grants drifted in each way; a grant may have done so in several."""


def watched(policy: Policy, in_force: InForce, now: datetime) -> Mapping[VcenterId, Watched]:
    """Every vCenter in which a grant of the policy is applied. Raises LogUnavailable."""
    applied: dict[VcenterId, list[AppliedGrant]] = {}
    for grant in policy.grants.values():
        if standing := standing_as_written(grant, policy, in_force):
            applied.setdefault(standing.vcenter, []).append(standing)
    return {vcenter: _watched(grants, in_force.heard(vcenter), now) for vcenter, grants in applied.items()}


def standing_as_written(grant: Grant, policy: Policy, in_force: InForce) -> AppliedGrant | None:
    """What was applied of the grant; None where that is nothing, or not what is written now."""
    applied = in_force.applied(grant.id)
    if applied is None or applied.digest != grant.digest:
        return None
    return applied if applied.vcenter == policy.accounts[grant.account].vcenter else None


def judge_watch(grant: Grant, applied: AppliedGrant, in_force: InForce, now: datetime) -> None:
    """Refuse under a grant that is strict about drift while nobody watches for it.

    Raises Refused(CONTROLLER_SILENT), LogUnavailable.
    """
    if grant.drift is not DriftMode.STRICT:
        return
    heard_at = in_force.heard(applied.vcenter)
    if _silent([applied], heard_at, now):
        last = "never" if heard_at is None else f"at {heard_at.isoformat(timespec='seconds')}"
        raise Refused(Reason.CONTROLLER_SILENT, f"the controller told of {applied.vcenter} {last}")


def _watched(grants: list[AppliedGrant], heard_at: datetime | None, now: datetime) -> Watched:
    drifted = Counter(kind for applied in grants if applied.drift for kind in applied.drift.kinds)
    return Watched(heard_at, _silent(grants, heard_at, now), drifted)


def _silent(grants: list[AppliedGrant], heard_at: datetime | None, now: datetime) -> bool:
    """Whether nothing was heard of late; what is applied stood so when it was applied.

    A time that lies far ahead, of a clock that was set back since, says nothing.
    """
    told = [applied.applied_at for applied in grants]
    last = max(told if heard_at is None else [*told, heard_at])
    return abs(now - last) > SILENT_AFTER


class DriftSummary:
    """What was heard of every vCenter, for those who ask often. Thread-safe."""

    def __init__(self, policy: PolicySource, entitlements: Entitlements, clock: Clock) -> None:
        self._policy = policy
        self._entitlements = entitlements
        self._clock = clock
        self._lock = Lock()
        self._due = 0.0
        self._kept: Mapping[VcenterId, Watched] = {}

    def look(self) -> Mapping[VcenterId, Watched]:
        """As of some seconds ago; as it was where the store cannot be asked, which has a code of its own."""
        with self._lock:
            if self._clock.monotonic() >= self._due:
                self._due = self._clock.monotonic() + _LOOK_EVERY_S
                with suppress(LogUnavailable):
                    self._kept = self._read()
            return self._kept

    def _read(self) -> Mapping[VcenterId, Watched]:
        return watched(self._policy.current(), self._entitlements.now(), self._clock.now())
