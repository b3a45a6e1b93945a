"""Making a plan: one look at each vCenter, and then the few questions that only asking answers."""

from collections import defaultdict
from collections.abc import Iterator

from broker.controller.planning.basis import Basis
from broker.controller.planning.draft import draft
from broker.controller.planning.facts import NOTHING_ASKED, Facts, Questions, questions_of
from broker.controller.planning.plan import Asked, Plan, Problem, ProblemKind, VcenterPlan
from broker.controller.planning.wishes import Ownership, SeatKey
from broker.controller.rooms import ControllerRooms, NoLogin
from broker.errors import BrokerError, LogUnavailable
from broker.model.names import Moid, VcenterId
from broker.model.policy import Policy, Vcenter
from broker.model.principals import canonical_user
from broker.model.survey import Survey
from broker.model.tree import Entity
from broker.ports.administration import Administration, AppliedStore
from broker.texts import cleaned

_MAX_PROBLEM = 1000


def plan_policy(policy: Policy, rooms: ControllerRooms, asked: Asked) -> Plan:
    """What an apply would do now. A vCenter that cannot be asked is a problem of the plan.

    Sessions are left to whoever gave the rooms (`kept_open`). Raises LogUnavailable where the
    store cannot be read.
    """
    rows = rooms.store.all()
    return Plan(
        policy_revision=policy.revision,
        asked=asked,
        withdrawn={row.grant: row.vcenter for row in rows if row.grant not in policy.grants},
        vcenters=tuple(
            _each_once([_plan(policy, vcenter, rooms, asked) for vcenter in _vcenters(policy, asked)])
        ),
    )


def _each_once(plans: list[VcenterPlan]) -> Iterator[VcenterPlan]:
    """What one entry of the policy made would be another's to remove, if both led to one vCenter."""
    known: dict[str, VcenterId] = {}
    for plan in plans:
        other = known.setdefault(plan.instance_uuid, plan.vcenter)
        if not plan.instance_uuid or other == plan.vcenter:
            yield plan
        else:
            text = f"{plan.vcenter} and {other} are one vCenter ({plan.instance_uuid}): name it once"
            yield nothing(Problem(ProblemKind.CONFLICT, plan.vcenter, plan.vcenter, text))


def _vcenters(policy: Policy, asked: Asked) -> Iterator[Vcenter]:
    """Those that a grant is for; then the others, where what is left anywhere is to go."""
    granted = {policy.accounts[grant.account].vcenter for grant in policy.grants.values()}
    yield from (policy.vcenters[name] for name in sorted(granted))
    if asked.prune:
        yield from (policy.vcenters[name] for name in sorted(policy.vcenters.keys() - granted))


def _plan(policy: Policy, vcenter: Vcenter, rooms: ControllerRooms, asked: Asked) -> VcenterPlan:
    try:
        return look(policy, vcenter.id, rooms.administration(vcenter), rooms.store, asked)
    except LogUnavailable:
        raise
    except BrokerError as error:
        return unreachable(vcenter.id, error)


def look(
    policy: Policy, vcenter: VcenterId, administration: Administration, store: AppliedStore, asked: Asked
) -> VcenterPlan:
    """The plan of one vCenter. Raises what Administration and the store raise."""
    seen = administration.survey()
    basis = Basis(policy, vcenter, seen, ownership(store, seen.instance_uuid), asked)
    return planned(basis, administration)


def planned(basis: Basis, administration: Administration) -> VcenterPlan:
    """The plan on that basis, once what only asking answers is known. Raises what Administration raises."""
    first = draft(basis, NOTHING_ASKED)
    questions = questions_of(first.plan, first.seats, basis.seen)
    return draft(basis, _answers(questions, administration, basis.seen)).plan


def ownership(store: AppliedStore, instance_uuid: str) -> Ownership:
    """What of a vCenter is ours, and every applied grant. Raises LogUnavailable."""
    return Ownership(
        roles={role.name: role for role in store.own_roles(instance_uuid)},
        permissions=frozenset(
            (held.entity, canonical_user(held.principal)) for held in store.own_permissions(instance_uuid)
        ),
        applied={row.grant: row for row in store.all()},
    )


def unreachable(vcenter: VcenterId, error: BrokerError) -> VcenterPlan:
    """The plan of a vCenter that could not be asked: nothing, and why."""
    kind = ProblemKind.NO_LOGIN if isinstance(error, NoLogin) else ProblemKind.UNREACHABLE
    return nothing(Problem(kind, vcenter, vcenter, cleaned(str(error), _MAX_PROBLEM)))


def nothing(problem: Problem) -> VcenterPlan:
    """The plan of a vCenter where nothing is done, and why."""
    return VcenterPlan(VcenterId(problem.vcenter), "", (), (), (problem,), (), (), {}, {})


def _answers(questions: Questions, administration: Administration, seen: Survey) -> Facts:
    return Facts(
        privileges=administration.privilege_ids() if questions.privileges else frozenset(),
        missing=frozenset(
            canonical_user(principal)
            for principal in sorted(questions.principals)
            if not administration.knows(principal)
        ),
        own=administration.own_privileges(questions.entities) if questions.entities else {},
        held=_held(questions.seats, administration, seen),
    )


def _held(
    seats: frozenset[SeatKey], administration: Administration, seen: Survey
) -> dict[SeatKey, frozenset[str]]:
    entities: dict[str, list[Moid]] = defaultdict(list)
    for moid, account in sorted(seats):
        entities[account].append(moid)
    found: dict[SeatKey, frozenset[str]] = {}
    for account, moids in sorted(entities.items()):
        held = administration.privileges_of(account, [_entity(moid, seen) for moid in moids])
        found |= {(moid, account): privileges for moid, privileges in held.items()}
    return found


def _entity(moid: Moid, seen: Survey) -> Entity:
    node = seen.tree.node(moid)
    if node is None:
        raise KeyError(moid)
    return Entity(node.kind, moid)
