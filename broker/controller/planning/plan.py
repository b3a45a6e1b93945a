"""What a plan says: the steps in their order, and what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from broker.model.applied import ScopeEntry
from broker.model.names import GrantId, TemplateId, VcenterId
from broker.model.survey import Permission
from broker.model.tree import Entity


class ProblemKind(StrEnum):
    """Why something is not applied."""

    CONFLICT = "conflict"
    """A role or a permission that is not ours stands where ours would go, or two grants collide."""
    SHARED = "shared"
    """A role to be widened is also held by somebody whom no grant gives it."""
    UNRESOLVED = "unresolved"
    """A scope does not name one object, or a template a privilege that this vCenter knows."""
    MOVED = "moved"
    """A path names another object than the one that the grant was applied on."""
    FORBIDDEN = "forbidden"
    """The template may not be granted on an object of this type."""
    PRINCIPAL = "principal"
    """vCenter knows no such account."""
    CONTROLLER = "controller"
    """The controller's own account lacks what the change takes."""
    REFUSED = "refused"
    """vCenter refused, or did not show what it had accepted."""
    FOREIGN = "foreign"
    """What was planned on is not what stands there any more, or did not stay."""
    SKIPPED = "skipped"
    """Left undone, since something that it builds on failed."""
    NO_LOGIN = "no_login"
    """The controller's file has no log-in for the vCenter."""
    UNREACHABLE = "unreachable"
    """vCenter could not be asked."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not applied. `subject` is a grant, a template or a vCenter."""

    kind: ProblemKind
    subject: str
    vcenter: str
    text: str


class RoleAction(StrEnum):
    """What happens to a role. One that changes both ways is narrowed first and widened last."""

    ADOPT = "adopt"
    """It stands as we asked for it before a crash: only the store learns its id."""
    CREATE = "create"
    NARROW = "narrow"
    WIDEN = "widen"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class RoleStep:
    """One change of one role: from `before`, None where it does not stand yet, to `after`."""

    action: RoleAction
    name: str
    template: TemplateId
    role_id: int | None
    before: frozenset[str] | None
    after: frozenset[str] | None
    reason: str


class PermissionAction(StrEnum):
    """What happens to a permission."""

    SET = "set"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Reach:
    """The hosts that something reaches: how many, and the first of their names."""

    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PermissionStep:
    """One change of one permission. `role` is the name of the role held afterwards, None for none."""

    action: PermissionAction
    path: str
    entity: Entity
    principal: str
    before: Permission | None
    before_role: str
    role: str | None
    propagate: bool
    reason: str
    hosts: Reach


class GrantAction(StrEnum):
    """What happens to a grant in the store: what `serve` decides on."""

    WITHDRAW = "withdraw"
    APPLY = "apply"


@dataclass(frozen=True, slots=True)
class GrantStep:
    """A grant that the store will hold, or hold no more."""

    action: GrantAction
    grant: GrantId
    digest: str
    principal: str
    role: str
    scope: tuple[ScopeEntry, ...]
    reason: str
    hosts: Reach


Step: TypeAlias = RoleStep | PermissionStep | GrantStep


@dataclass(frozen=True, slots=True)
class Kept:
    """Something of ours that the policy no longer wants and that stays: why it does."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class VcenterPlan:
    """One vCenter. `observed` is all that the plan rests on, in words: what was looked at, and what stood."""

    vcenter: VcenterId
    instance_uuid: str
    steps: tuple[Step, ...]
    unchanged: tuple[GrantId, ...]
    problems: tuple[Problem, ...]
    kept: tuple[Kept, ...]
    notes: tuple[str, ...]
    role_ids: Mapping[str, int]
    """The roles in use that stand already, by their names."""
    observed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator asks for beside the policy.

    `prune` removes what is ours and no longer wanted. `follow` are grants whose paths may name
    other objects than before: somebody looked at where they lead now.
    """

    prune: bool = False
    follow: frozenset[GrantId] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an apply would do. `withdrawn` are grants that left the policy."""

    policy_revision: str
    asked: Asked
    withdrawn: Mapping[GrantId, VcenterId]
    vcenters: tuple[VcenterPlan, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.withdrawn and not any(vcenter.steps for vcenter in self.vcenters)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that stands in the way, of all vCenters."""
        return tuple(problem for vcenter in self.vcenters for problem in vcenter.problems)
