"""What only asking tells. A draft without them says what it wants to know; one with them is a plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.controller.planning.plan import PermissionAction, PermissionStep, RoleStep, VcenterPlan
from broker.controller.planning.wishes import SeatKey
from broker.model.names import Moid
from broker.model.survey import Survey
from broker.model.tree import Entity, Kind


@dataclass(frozen=True, slots=True)
class Facts:
    """Answers of vCenter. What is None was not asked yet, and stands in nobody's way."""

    privileges: frozenset[str] = frozenset()
    """Every privilege that the vCenter knows; empty where it does not say."""
    missing: frozenset[str] = frozenset()
    """Principals that it does not know."""
    own: Mapping[Moid, frozenset[str]] | None = None
    """What the controller's account holds, by entity."""
    held: Mapping[SeatKey, frozenset[str]] | None = None
    """What an account holds where groups have a permission: whether it is in one of them."""


NOTHING_ASKED = Facts()


@dataclass(frozen=True, slots=True)
class Questions:
    """What a draft wants to know. As long as nothing changes there are none but `seats`."""

    privileges: bool
    principals: frozenset[str]
    entities: tuple[Entity, ...]
    seats: frozenset[SeatKey]


def questions_of(draft: VcenterPlan, seats: frozenset[SeatKey], seen: Survey) -> Questions:
    """The fewest that decide about each of its steps."""
    roles = [step for step in draft.steps if isinstance(step, RoleStep)]
    permissions = [step for step in draft.steps if isinstance(step, PermissionStep)]
    entities: dict[Moid, Entity] = {}
    for step in permissions:
        entities[step.entity.moid] = step.entity
        if (above := parent_of(step.entity.moid, seen)) is not None:
            entities[above] = seen.tree.entity(above)
    if roles:
        entities[seen.tree.root] = Entity(Kind.FOLDER, seen.tree.root)
    return Questions(
        privileges=bool(roles),
        principals=frozenset(s.principal for s in permissions if s.action is PermissionAction.SET),
        entities=tuple(entity for _, entity in sorted(entities.items())),
        seats=seats,
    )


def parent_of(moid: Moid, seen: Survey) -> Moid | None:
    """What an object hangs below: changing permissions on it takes the privilege there too."""
    lineage = seen.tree.lineage(moid)
    return lineage[1] if len(lineage) > 1 else None
