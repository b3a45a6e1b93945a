"""Roles of ours whose template no grant names any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from broker.controller.planning.conflicts import others_holding
from broker.controller.planning.plan import Asked, Kept, PermissionStep, RoleAction, RoleStep
from broker.controller.planning.roles import is_ours
from broker.controller.planning.wishes import Ownership
from broker.model.policy import Grant, Policy
from broker.model.principals import canonical_user
from broker.model.survey import Survey


@dataclass(frozen=True, slots=True)
class Retired:
    """Roles to be removed, and those that stay."""

    steps: tuple[RoleStep, ...]
    kept: tuple[Kept, ...]


def retired_roles(
    policy: Policy,
    grants: Iterable[Grant],
    seen: Survey,
    mine: Ownership,
    removals: Sequence[PermissionStep],
    asked: Asked,
) -> Retired:
    """A role that a permission still uses once the removals are done stays, whoever set that."""
    wanted = {policy.templates[grant.template].role_name for grant in grants}
    going = {(step.entity.moid, canonical_user(step.principal)) for step in removals}
    steps: list[RoleStep] = []
    kept: list[Kept] = []
    for name, claim in sorted(mine.roles.items()):
        role = seen.roles_by_name.get(name)
        if name in wanted or role is None or not is_ours(role, claim):
            continue
        if user := next(others_holding(seen, role.id, going), None):
            kept.append(Kept(f"role {name}", f"in use: {user}"))
        elif not asked.prune:
            kept.append(Kept(f"role {name}", "--prune removes it"))
        else:
            reason = "ours, and no grant names its template any more"
            steps.append(
                RoleStep(RoleAction.REMOVE, name, claim.template, role.id, role.privileges, None, reason)
            )
    return Retired(tuple(steps), tuple(kept))
