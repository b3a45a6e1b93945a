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
    silence_s: float
    """Since it was last known how it stands: what is applied stood so when it was applied."""
    grants: tuple[AppliedGrant, ...]
    """Those that are applied there as they are written."""

    @property
    def drifted(self) -> tuple[AppliedGrant, ...]:
        """The grants that no longer hold."""
        return tuple(applied for applied in self.grants if applied.drift is not None)

    @property
    def kinds(self) -> Mapping[DriftKind, int]:
        """How many grants drifted in each way; a grant may have done so in several."""
        return Counter(kind for applied in self.drifted if applied.drift for kind in applied.drift.kinds)


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
    if _silence([applied], heard_at, now) > SILENT_AFTER:
        last = "never" if heard_at is None else f"at {heard_at.isoformat(timespec='seconds')}"
        raise Refused(Reason.CONTROLLER_SILENT, f"the controller told of {applied.vcenter} {last}")


def _watched(grants: list[AppliedGrant], heard_at: datetime | None, now: datetime) -> Watched:
    silence = _silence(grants, heard_at, now)
    return Watched(heard_at, silence > SILENT_AFTER, silence.total_seconds(), tuple(grants))


def _silence(grants: list[AppliedGrant], heard_at: datetime | None, now: datetime) -> timedelta:
    """How long ago it was known last; a time that lies ahead, of a clock set back since, says as little."""
    told = [applied.applied_at for applied in grants]
    return abs(now - max(told if heard_at is None else [*told, heard_at]))


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
