"""Taking vCenter's present state as the applied one, where it is what the policy wants."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from broker.controller.changes import Changes
from broker.controller.comparing import standing_as_written
from broker.controller.drift import findings_of, sight_of
from broker.controller.planning.looking import ownership
from broker.controller.planning.wishes import Blocked, check_type, wanted_privileges
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError
from broker.model.applied import AppliedGrant, ScopeEntry
from broker.model.names import GrantId, VcenterId
from broker.model.policy import Grant, Policy, Template
from broker.model.principals import principal_of
from broker.model.record import Event, Record
from broker.model.survey import Role, Survey
from broker.model.tree import ScopeUnresolved, Target
from broker.policy.places import Places
from broker.ports.administration import OwnPermission, OwnRole
from broker.texts import cleaned

_MAX_TEXT = 300
_MAX_UNLIKE = 50


@dataclass(frozen=True, slots=True)
class Adoption:
    """One grant that was to be adopted. `unlike` is why it was not: what the policy wants otherwise."""

    grant: GrantId
    unlike: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Seat:
    target: Target
    role: Role


class _Unlike(BrokerError):
    """What stands there is not what the policy wants."""


def adopt(
    policy: Policy, places: Places, rooms: ControllerRooms, grants: Collection[GrantId], by: str
) -> tuple[Adoption, ...]:
    """Adopt each of the grants that can be, on record, with who did it. vCenter is not changed.

    Raises what Administration raises, and LogUnavailable.
    """
    by_vcenter: dict[VcenterId, list[Grant]] = defaultdict(list)
    for name in grants:
        grant = policy.grants[name]
        by_vcenter[policy.accounts[grant.account].vcenter].append(grant)
    done = {
        adoption.grant: adoption
        for vcenter, wanted in by_vcenter.items()
        for adoption in _adopted(policy, places, rooms, vcenter, wanted, by)
    }
    return tuple(done[name] for name in grants)


def _adopted(
    policy: Policy,
    places: Places,
    rooms: ControllerRooms,
    vcenter: VcenterId,
    wanted: Iterable[Grant],
    by: str,
) -> Iterator[Adoption]:
    seen = rooms.administration(policy.vcenters[vcenter]).survey()
    ones = [_One(policy, places, seen, grant) for grant in wanted]
    rows = {one.grant.id: one.row(vcenter, rooms.clock.now()) for one in ones if not one.unlike}
    standing = {each.grant: each for each in standing_as_written(policy, rooms.store.all())[vcenter]}
    mine = ownership(rooms.store, seen.instance_uuid)
    sight = sight_of(seen, mine, Changes(), policy, (standing | rows).values())
    for one in ones:
        unlike = one.unlike
        if row := rows.get(one.grant.id):
            found = findings_of(sight, row, one.template, one.principal)
            unlike = tuple(str(each) for each in found)
            if not unlike:
                _take(one, row, rooms, by)
        yield Adoption(one.grant.id, unlike)


class _One:
    """One grant held against one survey. `seats` are its paths, each with the role that is held there."""

    def __init__(self, policy: Policy, places: Places, seen: Survey, grant: Grant) -> None:
        self.grant = grant
        self.seen = seen
        self.template: Template = policy.templates[grant.template]
        self.principal = principal_of(policy.accounts[grant.account].user)
        self.seats: list[_Seat] = []
        self._places = places
        found = list(self._compared())
        self.unlike = tuple(cleaned(text, _MAX_TEXT) for text in found[:_MAX_UNLIKE])

    def row(self, vcenter: VcenterId, at: datetime) -> AppliedGrant:
        """What would be applied. Only where nothing is unlike."""
        uuid, grant = self.seen.instance_uuid, self.grant
        scope = tuple(ScopeEntry(seat.target.path, uuid, seat.target.moid) for seat in self.seats)
        return AppliedGrant(grant.id, grant.digest, vcenter, scope, self.seats[0].role.id, applied_at=at)

    def _compared(self) -> Iterator[str]:
        for path in self.grant.scope:
            try:
                self.seats.append(self._seat(path))
            except (_Unlike, Blocked, ScopeUnresolved) as unlike:
                yield f"{self._places.scope(self.grant.id, path)}: {unlike}: name what is meant in `scope`"
        roles = {seat.role.id: seat.role for seat in self.seats}
        if len(roles) > 1:
            names = ", ".join(sorted(role.name for role in roles.values()))
            yield f"the account has different roles on its scope: {names}"
        for role in roles.values():
            yield from self._of_role(role)

    def _seat(self, path: str) -> _Seat:
        target = self.seen.tree.locate(path)
        check_type(self.grant, self.template, target)
        held = self.seen.permission_of(target.entity.moid, self.principal)
        role = self.seen.roles.get(held.role_id) if held else None
        if held is None or role is None:
            raise _Unlike(f"{path}: {self.principal} has no permission there")
        if held.propagate != target.propagate:
            raise _Unlike(f"{path}: the permission of {self.principal} has another reach than it should")
        return _Seat(target, role)

    def _of_role(self, role: Role) -> Iterator[str]:
        if role.name != self.template.role_name:
            yield f"the role is called {role.name}, and the policy calls it {self.template.role_name}"
        wanted, template = wanted_privileges(self.template), self.template.id
        for privilege in sorted(role.privileges - wanted):
            where = self._places.privilege(template, privilege)
            yield f"{where}: role {role.name} holds {privilege}: add it to `privileges` with its reason"
        for privilege in sorted(wanted - role.privileges):
            where = self._places.privilege(template, privilege)
            yield f"{where}: role {role.name} lacks {privilege}: take it out of `privileges`"


def _take(one: _One, row: AppliedGrant, rooms: ControllerRooms, by: str) -> None:
    """On record first, then claimed, then in the store as applied. Raises LogUnavailable."""
    uuid, role, grant = one.seen.instance_uuid, one.seats[0].role, one.grant
    before = rooms.store.applied(grant.id)
    said = Record(
        Event.GRANT_ADOPTED,
        {
            "grant": grant.id,
            "vcenter": row.vcenter,
            "instance_uuid": uuid,
            "digest": grant.digest,
            "replaced": before.digest if before else "",
            "finding": before.finding if before else "",
            "role_id": role.id,
            "principal": one.principal,
            "scope": [f"{entry.path} = {entry.moid}" for entry in row.scope],
            "by": by,
        },
    )
    rooms.log.append([said])
    rooms.store.own_role(OwnRole(uuid, role.name, one.template.id, role.id, role.privileges))
    for seat in one.seats:
        rooms.store.own_permission(OwnPermission(uuid, seat.target.entity.moid, one.principal, role.id))
    rooms.store.put(row)
