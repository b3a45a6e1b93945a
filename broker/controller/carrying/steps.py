"""One vCenter's steps in their order. What builds on a step that failed is left as it was.

Failing must not leave more than dying does: an account whose permission could not be set gets no
further ones, and a role that somebody could not be taken off is not widened.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from broker.controller.carrying.grants import entitle, stands, withdraw
from broker.controller.carrying.permissions import remove_permission, set_permission
from broker.controller.carrying.readback import Failed, is_over
from broker.controller.carrying.roles import change_role, create_role, remove_role
from broker.controller.carrying.site import Site
from broker.controller.planning.plan import (
    GrantAction,
    GrantStep,
    PermissionAction,
    PermissionStep,
    Problem,
    ProblemKind,
    RoleAction,
    RoleStep,
    Step,
    VcenterPlan,
)
from broker.errors import BrokerError
from broker.model.principals import canonical_user
from broker.texts import cleaned

_MAX_PROBLEM = 1000

Progress = Callable[[Step], None]
"""Told of each step before it is made."""


@dataclass(slots=True)
class Carrier:
    """Carries out the plan of one vCenter. `roles` are ids by name, as far as they stand."""

    site: Site
    roles: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    """What failed, by what builds on it, and why."""
    changed: set[str] = field(default_factory=set)
    """What was changed in vCenter, by what builds on it."""

    def carry(self, plan: VcenterPlan, progress: Progress) -> None:
        """Make every step that can be made. Raises what says that the vCenter is not to be asked any more."""
        for step in plan.steps:
            progress(step)
            why = next((self.broken[key] for key in _needs(step) if key in self.broken), None)
            if why is None:
                self._try(step)
            else:
                self._leave(step, why)

    def _try(self, step: Step) -> None:
        before = self.site.journal.count
        try:
            self._make(step)
            if self.site.journal.count > before:
                self.changed.update(_breaks(step))
        except BrokerError as error:
            if is_over(error):
                raise
            kind = error.kind if isinstance(error, Failed) else ProblemKind.REFUSED
            text = cleaned(str(error), _MAX_PROBLEM)
            self.site.journal.problem(Problem(kind, _subject(step), self.site.vcenter, text))
            self._break(step, text)

    def _make(self, step: Step) -> None:
        match step:
            case RoleStep(action=RoleAction.CREATE):
                self.roles[step.name] = create_role(self.site, step).id
            case RoleStep(action=RoleAction.REMOVE):
                remove_role(self.site, step)
            case RoleStep():
                self.roles[step.name] = change_role(self.site, step).id
            case PermissionStep(action=PermissionAction.REMOVE):
                remove_permission(self.site, step)
            case PermissionStep():
                set_permission(self.site, step, self.roles[step.role or ""])
            case GrantStep(action=GrantAction.WITHDRAW):
                withdraw(self.site.rooms, self.site.journal, step.grant, self.site.vcenter, step.reason)
            case GrantStep():
                self._apply(step, self.roles[step.role])

    def _apply(self, step: GrantStep, role_id: int) -> None:
        """Nothing was to be done where an apply that died, or somebody else, had done it all."""
        if self.changed.isdisjoint(_needs(step)) and stands(self.site, step, role_id):
            self.site.journal.unchanged(step.grant)
        else:
            entitle(self.site, step, role_id)

    def _leave(self, step: Step, why: str) -> None:
        self._break(step, why)
        if isinstance(step, GrantStep):
            text = f"left as it was, since something that it builds on failed: {why}"
            problem = Problem(ProblemKind.SKIPPED, step.grant, self.site.vcenter, cleaned(text, _MAX_PROBLEM))
            self.site.journal.problem(problem)

    def _break(self, step: Step, why: str) -> None:
        for key in _breaks(step):
            self.broken.setdefault(key, why)


def _needs(step: Step) -> Iterator[str]:
    match step:
        case RoleStep():
            yield f"role {step.name}"
            if step.action is RoleAction.WIDEN:
                yield f"leaving {step.name}"
        case PermissionStep():
            yield f"account {canonical_user(step.principal)}"
            if step.role is not None:
                yield f"role {step.role}"
        case GrantStep(action=GrantAction.APPLY):
            yield f"account {canonical_user(step.principal)}"
            yield f"role {step.role}"


def _breaks(step: Step) -> Iterator[str]:
    match step:
        case RoleStep():
            yield f"role {step.name}"
        case PermissionStep():
            yield f"account {canonical_user(step.principal)}"
            yield f"leaving {step.before_role}"


def _subject(step: Step) -> str:
    match step:
        case RoleStep():
            return step.template
        case PermissionStep():
            return step.path
        case GrantStep():
            return step.grant
