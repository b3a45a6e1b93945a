"""Whether one applied grant still holds, told from what vCenter shows now."""

from collections.abc import Iterator

from broker.controller.roles import wanted_privileges
from broker.model.applied import AppliedGrant, ScopeEntry
from broker.model.policy import Template
from broker.model.principals import principal_of
from broker.model.survey import Survey
from broker.model.tree import ScopeUnresolved
from broker.texts import printable

_MAX_FINDING = 1000


def finding_of(seen: Survey, applied: AppliedGrant, template: Template, user: str) -> str:
    """Everything about the grant that no longer holds, in words that print; empty while all of it does."""
    findings = list(_of_role(seen, applied, template))
    for entry in applied.scope:
        findings.extend(_of_scope(seen, applied, entry, principal_of(user)))
    return printable("; ".join(findings)[:_MAX_FINDING])


def _of_role(seen: Survey, applied: AppliedGrant, template: Template) -> Iterator[str]:
    role = seen.roles.get(applied.role_id)
    if role is None:
        yield f"role {template.role_name} is gone"
        return
    if role.name != template.role_name:
        yield f"role {template.role_name} is now called {role.name}"
    wanted = wanted_privileges(template)
    if surplus := sorted(role.privileges - wanted):
        yield f"role {template.role_name} holds {', '.join(surplus)} beyond its template"
    if lack := sorted(wanted - role.privileges):
        yield f"role {template.role_name} lacks {', '.join(lack)}"


def _of_scope(seen: Survey, applied: AppliedGrant, entry: ScopeEntry, principal: str) -> Iterator[str]:
    if entry.instance_uuid != seen.instance_uuid:
        yield f"{entry.path} was applied in another vCenter instance"
        return
    try:
        target = seen.tree.locate(entry.path)
    except ScopeUnresolved as unresolved:
        yield str(unresolved)
        return
    if target.moid != entry.moid:
        yield f"{entry.path} is now {target.moid}, and was applied as {entry.moid}"
        return
    shown = seen.permission_of(target.entity.moid, principal)
    if shown is None:
        yield f"{entry.path}: {principal} has no permission there"
    elif shown.role_id != applied.role_id:
        yield f"{entry.path}: {principal} has role {shown.role_id} there, and was given {applied.role_id}"
    elif shown.propagate != target.propagate:
        yield f"{entry.path}: the permission of {principal} has another reach than it was given"
