"""Whether one applied grant still holds, told from one look at its vCenter: a pure function."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from broker.controller.planning.conflicts import Ground, hindering, standing_of
from broker.controller.planning.permissions import is_ours
from broker.controller.planning.wishes import Ownership, SeatKey, Wish, resolved, seats_of, wanted_privileges
from broker.model.applied import AppliedGrant, DriftKind, Finding, ScopeEntry
from broker.model.names import Moid
from broker.model.policy import Grant, Policy, Template
from broker.model.principals import canonical_user, principal_of
from broker.model.survey import Survey
from broker.model.tree import ScopeUnresolved, Target
from broker.texts import cleaned

_MAX_FINDING = 300
_MAX_FINDINGS = 20
_WORST_FIRST = (DriftKind.WIDENED, DriftKind.REPLACED, DriftKind.MOVED, DriftKind.NARROWED)


class Culprits(Protocol):
    """Who changed what since, as users that print; empty where nobody knows."""

    def of_role(self, role_id: int, since: datetime) -> str:
        """Who changed the role."""
        ...

    def of_permission(self, entity: Moid, principal: str, since: datetime) -> str:
        """Who changed the permission of that user, there."""
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a vCenter. `beneath` are seats of grants, below which something foreign decides: where."""

    seen: Survey
    culprits: Culprits
    beneath: Mapping[SeatKey, Moid]


def sight_of(
    seen: Survey, mine: Ownership, culprits: Culprits, policy: Policy, grants: Collection[AppliedGrant]
) -> Sight:
    """What all of these grants together are compared with: none of them is foreign to another.

    Nor is a permission of ours that a grant of the policy wants, though it waits to be applied anew.
    """
    wishes = [wish for applied in grants if (wish := _in_place(seen, policy, applied)) is not None]
    privileges = {role.id: role.privileges for role in seen.roles.values()}
    ground = Ground(seen, standing_of(seen), frozenset(), privileges)
    here = {applied.vcenter for applied in grants}
    written = [each for each in policy.grants.values() if policy.accounts[each.account].vcenter in here]
    ground = replace(ground, leaving=frozenset(_waiting(ground, mine, policy, written)))
    return Sight(seen, culprits, hindering(ground, seats_of(wishes)))


def _in_place(seen: Survey, policy: Policy, applied: AppliedGrant) -> Wish | None:
    """The grant on the objects that it was applied on; None where a path leads elsewhere by now."""
    wish = _wish(seen, policy, policy.grants[applied.grant], [entry.path for entry in applied.scope])
    if wish is None or [t.moid for t in wish.targets] != [entry.moid for entry in applied.scope]:
        return None
    return wish


def _wish(seen: Survey, policy: Policy, grant: Grant, scope: Iterable[str]) -> Wish | None:
    try:
        return resolved(policy, grant, scope, seen)
    except ScopeUnresolved:
        return None


def _waiting(ground: Ground, mine: Ownership, policy: Policy, written: Iterable[Grant]) -> Iterator[SeatKey]:
    for grant in written:
        wish = _wish(ground.seen, policy, grant, grant.scope)
        for key in wish.keys if wish is not None else ():
            held = ground.standing.at(key)
            if held is not None and is_ours(key, held, mine):
                yield key


def findings_of(sight: Sight, applied: AppliedGrant, template: Template, user: str) -> tuple[Finding, ...]:
    """What of the grant no longer holds, the worst first and no more than fit; empty while all of it does."""
    by_role = sight.culprits.of_role(applied.role_id, applied.applied_at)
    findings = [replace(found, changed_by=by_role) for found in _of_role(sight.seen, applied, template)]
    for entry in applied.scope:
        findings.extend(_of_scope(sight, applied, entry, template, principal_of(user)))
    return tuple(sorted(findings, key=lambda found: _WORST_FIRST.index(found.kind))[:_MAX_FINDINGS])


def _of_role(seen: Survey, applied: AppliedGrant, template: Template) -> Iterator[Finding]:
    role = seen.roles.get(applied.role_id)
    if role is None:
        yield _found(DriftKind.NARROWED, f"role {template.role_name} is gone")
        return
    if role.name != template.role_name:
        yield _found(DriftKind.REPLACED, f"role {template.role_name} is now called {role.name}")
    wanted = wanted_privileges(template)
    if surplus := sorted(role.privileges - wanted):
        text = f"role {template.role_name} holds {', '.join(surplus)} beyond its template"
        yield _found(DriftKind.WIDENED, text)
    if lack := sorted(wanted - role.privileges):
        yield _found(DriftKind.NARROWED, f"role {template.role_name} lacks {', '.join(lack)}")


def _of_scope(
    sight: Sight, applied: AppliedGrant, entry: ScopeEntry, template: Template, principal: str
) -> Iterator[Finding]:
    seen = sight.seen
    if entry.instance_uuid != seen.instance_uuid:
        yield _found(DriftKind.MOVED, f"{entry.path} was applied in another vCenter instance")
        return
    try:
        target = seen.tree.locate(entry.path)
    except ScopeUnresolved as unresolved:
        yield _found(DriftKind.MOVED, str(unresolved))
        return
    if target.moid != entry.moid:
        text = f"{entry.path} is now {target.moid}, and was applied as {entry.moid}"
        yield _found(DriftKind.MOVED, text)
        return
    entity, since = target.entity.moid, applied.applied_at
    for found in _of_permission(seen, applied, target, principal):
        yield replace(found, changed_by=sight.culprits.of_permission(entity, principal, since))
    if (foreign := sight.beneath.get((entity, canonical_user(principal)))) is not None:
        by = sight.culprits.of_permission(foreign, principal, since)
        yield replace(_beneath(seen, foreign, template, principal), changed_by=by)


def _beneath(seen: Survey, moid: Moid, template: Template, principal: str) -> Finding:
    """A permission of the account that nobody granted, and that decides for hosts of the grant."""
    held = seen.permission_of(moid, principal)
    role = seen.roles.get(held.role_id) if held is not None else None
    given = role.privileges if role is not None else frozenset()
    kind = DriftKind.WIDENED if given - wanted_privileges(template) else DriftKind.NARROWED
    where = seen.tree.path_of(moid) or moid
    called = _called(seen, held.role_id) if held is not None else "none"
    return _found(kind, f"{where}: {principal} has role {called} there, and that decides for some hosts")


def _of_permission(seen: Survey, applied: AppliedGrant, target: Target, principal: str) -> Iterator[Finding]:
    shown, where = seen.permission_of(target.entity.moid, principal), target.path
    if shown is None:
        yield _found(DriftKind.NARROWED, f"{where}: {principal} has no permission there")
        return
    if shown.role_id != applied.role_id:
        text = f"{where}: {principal} has role {_called(seen, shown.role_id)} there, and was given another"
        yield _found(_exchanged(seen, applied.role_id, shown.role_id), text)
    if shown.propagate != target.propagate:
        kind = DriftKind.WIDENED if shown.propagate else DriftKind.NARROWED
        yield _found(kind, f"{where}: the permission of {principal} has another reach than it was given")


def _exchanged(seen: Survey, given: int, shown: int) -> DriftKind:
    """What another role in place of the one that was given means; an unknown one may be anything."""
    before, after = seen.roles.get(given), seen.roles.get(shown)
    if before is None or after is None:
        return DriftKind.REPLACED
    if after.privileges < before.privileges:
        return DriftKind.NARROWED
    return DriftKind.WIDENED if after.privileges - before.privileges else DriftKind.REPLACED


def _called(seen: Survey, role_id: int) -> str:
    role = seen.roles.get(role_id)
    return f"{role_id} ({role.name})" if role else str(role_id)


def _found(kind: DriftKind, text: str) -> Finding:
    return Finding(kind, cleaned(text, _MAX_FINDING))
