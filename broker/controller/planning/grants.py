"""Which grants the store would hold in the end, and which it would no longer."""

from collections.abc import Iterator, Mapping, Sequence

from broker.controller.planning.basis import Basis, Blocks
from broker.controller.planning.permissions import reach_of
from broker.controller.planning.plan import GrantAction, GrantStep, PermissionStep, ProblemKind
from broker.controller.planning.roles import RolePlan
from broker.controller.planning.wishes import SeatKey, Wish
from broker.model.applied import ScopeEntry
from broker.model.names import GrantId, TemplateId
from broker.model.principals import principal_of
from broker.model.survey import Survey

_IN_THE_WAY = frozenset({ProblemKind.CONFLICT, ProblemKind.SHARED})


def withdrawals(basis: Basis, blocks: Blocks) -> Iterator[GrantStep]:
    """What stands in the way may be just as wide as the grant: no ticket is to go through it."""
    reasons = {problem.subject: problem.text for problem in blocks.problems}
    for grant, kind in sorted(blocks.kinds.items()):
        applied = basis.mine.applied.get(grant)
        if kind in _IN_THE_WAY and applied is not None:
            hosts = reach_of(basis.seen, [entry.moid for entry in applied.scope])
            account = principal_of(basis.policy.accounts[basis.policy.grants[grant].account].user)
            yield GrantStep(
                GrantAction.WITHDRAW, grant, applied.digest, account, "", applied.scope, reasons[grant], hosts
            )


def applied_grants(
    wishes: Sequence[Wish],
    roles: Mapping[TemplateId, RolePlan],
    steps: Mapping[SeatKey, PermissionStep],
    seen: Survey,
    basis: Basis,
    blocks: Blocks,
) -> tuple[list[GrantStep], tuple[GrantId, ...]]:
    """The grants that the store will hold: those that change, and the ids of those that stand."""
    changed: list[GrantStep] = []
    unchanged: list[GrantId] = []
    for wish in wishes:
        grant = wish.grant
        if grant.id in blocks.kinds:
            continue
        scope = tuple(ScopeEntry(t.path, seen.instance_uuid, t.moid) for t in wish.targets)
        role = roles[grant.template]
        row = basis.mine.applied.get(grant.id)
        touched = bool(role.steps) or any(key in steps for key in wish.keys)
        stands = row is not None and row.stands_as(grant.digest, basis.vcenter, scope, role.role_id)
        if stands and not touched:
            unchanged.append(grant.id)
            continue
        reason = f"app {grant.app}, {grant.reason}" if grant.reason else f"app {grant.app}"
        hosts = reach_of(seen, [entry.moid for entry in scope])
        changed.append(
            GrantStep(
                GrantAction.APPLY,
                grant.id,
                grant.digest,
                wish.principal,
                role.template.role_name,
                scope,
                reason,
                hosts,
            )
        )
    return changed, tuple(unchanged)
