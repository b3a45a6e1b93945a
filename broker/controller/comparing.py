"""One look at one vCenter: what changed of its grants is marked. Changes nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from broker.controller.changes import Changes
from broker.controller.drift import findings_of, sight_of
from broker.controller.planning.looking import ownership
from broker.controller.rooms import ControllerRooms
from broker.model.applied import AppliedGrant, Drift, Finding
from broker.model.names import VcenterId
from broker.model.policy import Policy
from broker.model.record import Event, JsonValue, Record
from broker.ports.administration import Administration, Mark


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
) -> Sequence[Mark]:
    """Look at one vCenter once and mark what changed of its grants, each mark with its record; the marks.

    A grant that is applied anew meanwhile waits for the next look. Raises what Administration
    raises, and LogUnavailable.
    """
    seen = administration.survey()
    sight = sight_of(seen, ownership(rooms.store, seen.instance_uuid), changes, policy, grants)
    now = rooms.clock.now()
    marks: list[Mark] = []
    for applied in grants:
        grant = policy.grants[applied.grant]
        user = policy.accounts[grant.account].user
        found = findings_of(sight, applied, policy.templates[grant.template], user)
        if mark := _mark(applied, found, now):
            marks.append(mark)
    return rooms.store.mark(marks) if marks else ()


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
