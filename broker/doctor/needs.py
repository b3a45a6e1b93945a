"""What the controller's account has to hold, and where, computed from the grants in use."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from broker.doctor.reach import Reach
from broker.model.names import Moid, TemplateId
from broker.model.policy import Template
from broker.model.survey import Survey
from broker.model.tree import Entity
from broker.policy.decide import SYSTEM_PRIVILEGES

MODIFY_ROLES = "Authorization.ModifyRoles"
MODIFY_PERMISSIONS = "Authorization.ModifyPermissions"

OPTIONAL = frozenset(
    {MODIFY_PERMISSIONS, "Sessions.TerminateSession", "Sessions.ValidateSession", "Global.LogEvent"}
)
"""What the account may hold on the root folder beside: for a scope that is a datacenter, and for what
is of use and asked for by nobody."""


def controller_needs(
    reached: Iterable[Reach], templates: Mapping[TemplateId, Template], survey: Survey
) -> Mapping[Entity, frozenset[str]]:
    """By place: changing roles is the root folder's, permissions take the object and its parent.

    vCenter lets nobody put into a role, or grant, what they do not hold.
    """
    root = Entity(survey.tree.entity(survey.tree.root).kind, survey.tree.root)
    needs: dict[Entity, set[str]] = defaultdict(set)
    needs[root] |= {MODIFY_ROLES}
    for reach in reached:
        handed_on = templates[reach.grant.template].privileges - SYSTEM_PRIVILEGES
        needs[root] |= handed_on
        for target in reach.targets:
            needs[target.entity] |= {MODIFY_PERMISSIONS, *handed_on}
            above = _above(target.entity, survey)
            if above is not None:
                needs[above] |= {MODIFY_PERMISSIONS}
    return {entity: frozenset(privileges) for entity, privileges in needs.items()}


def _above(entity: Entity, survey: Survey) -> Entity | None:
    node = survey.tree.node(entity.moid)
    parent: Moid | None = node.parent if node else None
    above = survey.tree.node(parent) if parent is not None else None
    return Entity(above.kind, above.moid) if above else None
