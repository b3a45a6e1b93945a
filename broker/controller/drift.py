"""Whether one applied grant still holds, told from one look at its vCenter: a pure function."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from broker.controller.planning.wishes import wanted_privileges
from broker.model.applied import AppliedGrant, DriftKind, Finding, ScopeEntry
from broker.model.names import Moid
from broker.model.policy import Template
from broker.model.principals import principal_of
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


def findings_of(
    seen: Survey, applied: AppliedGrant, template: Template, user: str, culprits: Culprits
) -> tuple[Finding, ...]:
    """What of the grant no longer holds, the worst first and no more than fit; empty while all of it does."""
    findings = [
        replace(found, changed_by=culprits.of_role(applied.role_id, applied.applied_at))
        for found in _of_role(seen, applied, template)
    ]
    for entry in applied.scope:
        findings.extend(_of_scope(seen, applied, entry, principal_of(user), culprits))
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
    seen: Survey, applied: AppliedGrant, entry: ScopeEntry, principal: str, culprits: Culprits
) -> Iterator[Finding]:
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
    for found in _of_permission(seen, applied, target, principal):
        by = culprits.of_permission(target.entity.moid, principal, applied.applied_at)
        yield replace(found, changed_by=by)


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
