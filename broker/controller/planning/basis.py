"""What a plan of one vCenter is made from, and what falls on the way."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from broker.controller.planning.plan import Asked, Problem, ProblemKind
from broker.controller.planning.wishes import Blocked, Ownership
from broker.model.names import GrantId, VcenterId
from broker.model.policy import Grant, Policy
from broker.model.survey import Survey


@dataclass(frozen=True, slots=True)
class Basis:
    """What one vCenter's plan is made from, all of it."""

    policy: Policy
    vcenter: VcenterId
    seen: Survey
    mine: Ownership
    asked: Asked

    @property
    def grants(self) -> list[Grant]:
        """The policy's grants for this vCenter, in the order of their ids."""
        accounts = self.policy.accounts
        every = sorted(self.policy.grants.items())
        return [grant for _, grant in every if accounts[grant.account].vcenter == self.vcenter]


@dataclass(slots=True)
class Blocks:
    """Grants that cannot be applied, each with its first reason."""

    vcenter: VcenterId
    problems: list[Problem] = field(default_factory=list)
    kinds: dict[GrantId, ProblemKind] = field(default_factory=dict)

    def block(self, grants: Iterable[GrantId], blocked: Blocked) -> None:
        """None of these grants can be applied, for this reason or one that was found before."""
        for grant in grants:
            if grant not in self.kinds:
                self.kinds[grant] = blocked.kind
                self.problems.append(Blocked(blocked.kind, grant, str(blocked)).at(self.vcenter))
