"""What the controller's own account needs in a vCenter: computed from the templates and scopes in use."""

from dataclasses import dataclass

from broker.model.names import VcenterId
from broker.model.policy import Policy

MODIFY_ROLES = "Authorization.ModifyRoles"
MODIFY_PERMISSIONS = "Authorization.ModifyPermissions"

MANAGING = frozenset({MODIFY_ROLES, MODIFY_PERMISSIONS})
"""What managing roles and permissions itself asks for (vSphere API, AuthorizationManager)."""

ROOT = "/"


@dataclass(frozen=True, slots=True)
class Need:
    """Privileges on one object and, where `propagate` is set, on all below; `where` is ROOT or a path."""

    where: str
    privileges: frozenset[str]
    propagate: bool


def controller_needs(policy: Policy, vcenter: VcenterId) -> tuple[Need, ...]:
    """Exactly what the controller's account needs there beside the System privileges, ROOT first.

    On the root folder: changing roles, and whatever a role of ours holds, since an update of a role
    is refused to a session that lacks any privilege of it. On each scope: setting permissions, and
    the privileges of the role that is set, since nobody can grant what he lacks. On what a scope lies
    in: setting permissions, which is checked there too (vSphere Security, Permissions Privileges).
    """
    on_root, held = frozenset({MODIFY_ROLES}), dict[str, frozenset[str]]()
    for grant in policy.grants.values():
        template = policy.templates[grant.template]
        if not template.enabled or policy.accounts[grant.account].vcenter != vcenter:
            continue
        on_root |= template.privileges
        for path in grant.scope:
            held[path] = held.get(path, frozenset()) | template.privileges | {MODIFY_PERMISSIONS}
    parents = {_parent(path) for path in held}
    if ROOT in parents:
        on_root |= {MODIFY_PERMISSIONS}
    managed = [Need(path, frozenset({MODIFY_PERMISSIONS}), propagate=False) for path in parents - {ROOT}]
    scopes = [Need(path, privileges, propagate=True) for path, privileges in held.items()]
    return (Need(ROOT, on_root, propagate=False), *sorted((*managed, *scopes), key=lambda need: need.where))


def needed_at(needs: tuple[Need, ...], path: str) -> frozenset[str]:
    """All that is needed on the object of that path, by itself and from above: more than this is surplus."""
    reaching = (n for n in needs if n.where == path or (n.propagate and path.startswith(f"{n.where}/")))
    return frozenset[str]().union(*(need.privileges for need in reaching))


def _parent(path: str) -> str:
    """What the object lies in. A datacenter's own folders take no permission: it is set on the datacenter."""
    above = path.rpartition("/")[0]
    return above.removesuffix("/host") or ROOT
