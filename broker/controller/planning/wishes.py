"""What the policy asks of one vCenter: for each account and object one seat, which holds one role."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.controller.planning.plan import Asked, Problem, ProblemKind
from broker.errors import BrokerError
from broker.model.applied import AppliedGrant
from broker.model.names import GrantId, Moid, VcenterId
from broker.model.policy import Grant, Policy, Template
from broker.model.principals import canonical_user, principal_of
from broker.model.survey import Survey
from broker.model.tree import Entity, ScopeUnresolved, Target
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.ports.administration import OwnRole
from broker.texts import cleaned

_MAX_PROBLEM = 1000

SeatKey = tuple[Moid, str]
"""The entity, and the account in the form in which accounts are compared."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """What the store knows of one vCenter: our roles, our permissions, the grants that are applied."""

    roles: Mapping[str, OwnRole]
    """By their names."""
    permissions: frozenset[SeatKey]
    applied: Mapping[GrantId, AppliedGrant]
    reclaimed: frozenset[SeatKey] = frozenset()
    """Seats of ours that are taken back whoever sits there: somebody was shown who does, and asks for it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One grant, resolved."""

    grant: Grant
    principal: str
    template: Template
    targets: tuple[Target, ...]

    @property
    def keys(self) -> frozenset[SeatKey]:
        """The seats that it needs."""
        return frozenset((target.entity.moid, canonical_user(self.principal)) for target in self.targets)


@dataclass(frozen=True, slots=True)
class Seat:
    """A permission as it should stand, and the grants that want it."""

    entity: Entity
    path: str
    principal: str
    template: Template
    propagate: bool
    grants: tuple[GrantId, ...]


class Blocked(BrokerError):
    """A grant or a template that cannot be applied; says why."""

    def __init__(self, kind: ProblemKind, subject: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.subject = subject

    def at(self, vcenter: VcenterId) -> Problem:
        """As a plan names it."""
        return Problem(self.kind, self.subject, vcenter, cleaned(str(self), _MAX_PROBLEM))


def wanted_privileges(template: Template) -> frozenset[str]:
    """What the role has to hold beside what every role holds."""
    return template.privileges - SYSTEM_PRIVILEGES


def resolved(policy: Policy, grant: Grant, paths: Iterable[str], seen: Survey) -> Wish:
    """The grant on the objects that these paths name now. Raises ScopeUnresolved."""
    targets = tuple(seen.tree.locate(path) for path in paths)
    return Wish(
        grant, principal_of(policy.accounts[grant.account].user), policy.templates[grant.template], targets
    )


def wish_of(policy: Policy, grant: Grant, seen: Survey, mine: Ownership, asked: Asked) -> Wish:
    """The grant with its paths resolved, if it may be applied on what they name. Raises Blocked."""
    try:
        wish = resolved(policy, grant, grant.scope, seen)
    except ScopeUnresolved as unresolved:
        text = (
            f"{unresolved}; correct `scope` in grants.yaml, or let the controller's account see what is meant"
        )
        raise Blocked(ProblemKind.UNRESOLVED, grant.id, text) from None
    applied = mine.applied.get(grant.id)
    if applied is not None and grant.id not in asked.follow:
        _check_in_place(applied, wish.targets, seen.instance_uuid)
    for target in wish.targets:
        check_type(grant, wish.template, target)
    return wish


def applied_seats(applied: AppliedGrant, user: str, seen: Survey) -> Iterator[SeatKey]:
    """Where the grant was applied for its account, as far as that is still there."""
    account = canonical_user(principal_of(user))
    for entry in applied.scope:
        if entry.instance_uuid == seen.instance_uuid and seen.tree.node(entry.moid) is not None:
            yield seen.tree.entity(entry.moid).moid, account


def check_type(grant: Grant, template: Template, target: Target) -> None:
    """Raises Blocked where a permission for the target is set on what the template may not be granted on."""
    kind = target.entity.kind
    if not template.may_be_granted_on(kind):
        text = f"{target.path} is a {kind}, which template {template.id} may not be granted on"
        raise Blocked(ProblemKind.FORBIDDEN, grant.id, text)


def _check_in_place(applied: AppliedGrant, targets: Sequence[Target], instance_uuid: str) -> None:
    """A path that leads elsewhere than when it was applied: folders may have been swapped."""
    before = {entry.path: entry for entry in applied.scope}
    for target in targets:
        entry = before.get(target.path)
        if entry is None or (entry.instance_uuid, entry.moid) == (instance_uuid, target.moid):
            continue
        was = entry.moid if entry.instance_uuid == instance_uuid else "in another vCenter instance"
        raise Blocked(
            ProblemKind.MOVED,
            applied.grant,
            f"{target.path} is now {target.moid}, and was applied as {was}; "
            f"if that is meant, apply with --follow {applied.grant}",
        )


def collisions(wishes: Sequence[Wish]) -> list[Blocked]:
    """Grants that want different roles for one account on one object: there is room for one."""
    wanting: dict[SeatKey, list[Wish]] = defaultdict(list)
    for wish in wishes:
        for key in wish.keys:
            wanting[key].append(wish)
    found: dict[GrantId, Blocked] = {}
    for together in wanting.values():
        if len({wish.template.id for wish in together}) > 1:
            names = ", ".join(sorted(wish.grant.id for wish in together))
            text = f"{names} want different templates for one account on one object"
            for wish in together:
                found[wish.grant.id] = Blocked(ProblemKind.CONFLICT, wish.grant.id, text)
    return [blocked for _, blocked in sorted(found.items())]


def seats_of(wishes: Sequence[Wish]) -> dict[SeatKey, Seat]:
    """The seats that these grants need together. None of them collide."""
    grants: dict[SeatKey, list[GrantId]] = defaultdict(list)
    found: dict[SeatKey, tuple[Wish, Target]] = {}
    for wish in wishes:
        account = canonical_user(wish.principal)
        for target in {t.entity.moid: t for t in wish.targets}.values():
            found.setdefault((target.entity.moid, account), (wish, target))
            grants[target.entity.moid, account].append(wish.grant.id)
    return {
        key: Seat(t.entity, t.path, w.principal, w.template, t.propagate, tuple(grants[key]))
        for key, (w, t) in found.items()
    }
