"""Looking whether what was applied still holds. Reads vCenter, writes the store, changes nothing else."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Event as Flag

from broker.controller.changes import Changes
from broker.controller.drift import findings_of, sight_of
from broker.controller.ear import Ear
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError, LogUnavailable, Reason, Refused
from broker.model.applied import AppliedGrant, Drift, Finding
from broker.model.names import VcenterId
from broker.model.policy import Policy, Vcenter
from broker.model.record import Event, JsonValue, Record
from broker.ports.administration import Administration, Mark

_log = logging.getLogger(__name__)

_CONFIRM_EVERY_S = 30.0
"""How often the store is told that a vCenter still stands as it did: far below what counts as silent."""


@dataclass(slots=True)
class _Post:
    """What the watch keeps of one vCenter. `heard_at` is the monotonic time the store was told last."""

    administration: Administration
    ear: Ear
    heard_at: float = 0.0


class Watch:
    """Keeps one privileged session per vCenter between rounds, and listens. One thread calls `round`.

    `due` is set when something was heard of that a round should look at.
    """

    def __init__(self, rooms: ControllerRooms) -> None:
        self.due = Flag()
        self._rooms = rooms
        self._posts: dict[Vcenter, _Post] = {}
        self._closed = False

    def round(self, policy: Policy) -> None:
        """Look at every grant that stands as the policy has it, and mark what changed.

        A vCenter that cannot be asked proves nothing: it is logged, and asked again in the next
        round. Raises LogUnavailable.
        """
        self._close_others(policy)
        for vcenter, grants in standing_as_written(policy, self._rooms.store.all()).items():
            try:
                self._look(policy, policy.vcenters[vcenter], grants)
            except LogUnavailable:
                raise
            except BrokerError as error:
                _log.warning("vCenter %s could not be looked at: %s", vcenter, error)

    def close(self) -> None:
        """Log out everywhere, for good, and end what runs. May be called from any thread. Never raises."""
        self._closed = True
        while self._posts:
            _, post = self._posts.popitem()
            _leave(post)

    def _close_others(self, policy: Policy) -> None:
        current = set(policy.vcenters.values())
        for vcenter in [v for v in self._posts if v not in current]:
            _leave(self._posts.pop(vcenter))

    def _look(self, policy: Policy, vcenter: Vcenter, grants: Sequence[AppliedGrant]) -> None:
        post, began_at = self._post(vcenter), self._rooms.clock.now()
        heard = post.ear.begin_look()
        look(policy, grants, post.administration, post.ear.changes, self._rooms)
        self._rooms.heard.hear(vcenter.id, began_at)
        post.heard_at = self._rooms.clock.monotonic()
        post.ear.looked(heard)

    def _post(self, vcenter: Vcenter) -> _Post:
        if vcenter not in self._posts:
            administration = self._rooms.administration(vcenter)
            ear = Ear(vcenter.id, administration, self.due.set, lambda: self._confirm(vcenter))
            self._posts[vcenter] = _Post(administration, ear)
            ear.start()
        if self._closed:
            raise Refused(Reason.SHUTTING_DOWN)
        return self._posts[vcenter]

    def _confirm(self, vcenter: Vcenter) -> None:
        post, clock = self._posts.get(vcenter), self._rooms.clock
        if post is not None and clock.monotonic() - post.heard_at >= _CONFIRM_EVERY_S:
            self._rooms.heard.hear(vcenter.id, clock.now())
            post.heard_at = clock.monotonic()


def _leave(post: _Post) -> None:
    post.ear.stop()
    post.administration.close()


def standing_as_written(
    policy: Policy, applied: Iterable[AppliedGrant]
) -> dict[VcenterId, list[AppliedGrant]]:
    """The applied grants that a look compares, by their vCenter.

    A grant whose text changed since it was applied is `serve`'s to refuse already, and an apply's
    to set right.
    """
    by_vcenter: dict[VcenterId, list[AppliedGrant]] = defaultdict(list)
    for each in applied:
        grant = policy.grants.get(each.grant)
        if grant is None or grant.digest != each.digest:
            continue
        if policy.accounts[grant.account].vcenter == each.vcenter:
            by_vcenter[each.vcenter].append(each)
    return by_vcenter


def look(
    policy: Policy,
    grants: Sequence[AppliedGrant],
    administration: Administration,
    changes: Changes,
    rooms: ControllerRooms,
) -> None:
    """Look at one vCenter once and mark what changed of its grants, each mark with its record.

    A grant that is applied anew meanwhile waits for the next look. Raises what Administration
    raises, and LogUnavailable.
    """
    sight = sight_of(administration.survey(), changes, policy, grants)
    now = rooms.clock.now()
    marks: list[Mark] = []
    for applied in grants:
        grant = policy.grants[applied.grant]
        user = policy.accounts[grant.account].user
        found = findings_of(sight, applied, policy.templates[grant.template], user)
        if mark := _mark(applied, found, now):
            marks.append(mark)
    for made in rooms.store.mark(marks) if marks else ():
        _log.warning("grant %s: %s", made.seen.grant, made.drift or "holds again")


def _mark(applied: AppliedGrant, findings: tuple[Finding, ...], now: datetime) -> Mark | None:
    """None where all is as it was found before."""
    before = applied.drift.findings if applied.drift else ()
    findings = tuple(_still_by(finding, before) for finding in findings)
    if findings == before:
        return None
    drift = Drift(findings, now) if findings else None
    return Mark(applied, drift, _record(applied, drift))


def _still_by(finding: Finding, before: Iterable[Finding]) -> Finding:
    """The finding with the user who was known when it was found first: events are forgotten sooner."""
    if finding.changed_by:
        return finding
    same = (old for old in before if (old.kind, old.text) == (finding.kind, finding.text))
    return next(same, finding)


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
