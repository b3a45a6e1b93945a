"""What stands in the way of a seat: there, or on what lies below it.

The nearest entity with a permission for the account or for one of its groups decides; there the
account's own decides alone (vSphere security, "Hierarchical Inheritance of Permissions").
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from broker.controller.planning.wishes import Seat, SeatKey, wanted_privileges
from broker.model.names import Moid
from broker.model.principals import canonical_user
from broker.model.survey import Permission, Survey
from broker.model.tree import Kind
from broker.policy.decide import SYSTEM_PRIVILEGES


@dataclass(frozen=True, slots=True)
class Standing:
    """Who has a permission where. Groups are kept apart: who is in one is not told."""

    users: Mapping[str, Mapping[Moid, Permission]]
    groups: Mapping[Moid, tuple[Permission, ...]]

    def at(self, key: SeatKey) -> Permission | None:
        """The account's own permission on that entity."""
        return self.users.get(key[1], {}).get(key[0])


def standing_of(seen: Survey) -> Standing:
    """The permissions of a survey, by who holds them."""
    users: dict[str, dict[Moid, Permission]] = defaultdict(dict)
    groups: dict[Moid, list[Permission]] = defaultdict(list)
    for moid, permissions in seen.permissions.items():
        for permission in permissions:
            if permission.group:
                groups[moid].append(permission)
            else:
                users[canonical_user(permission.principal)][moid] = permission
    return Standing(users, {moid: tuple(held) for moid, held in groups.items()})


@dataclass(frozen=True, slots=True)
class Ground:
    """What seats are compared with. `leaving` go with the plan; `roles` are as it leaves them."""

    seen: Survey
    standing: Standing
    leaving: frozenset[SeatKey]
    roles: Mapping[int, frozenset[str]]

    def privileges(self, permission: Permission) -> frozenset[str]:
        """What the permission gives once the plan is carried out; a role that is gone gives nothing."""
        return self.roles.get(permission.role_id, frozenset())

    def role_name(self, permission: Permission) -> str:
        """The role's name, for people."""
        role = self.seen.roles.get(permission.role_id)
        return role.name if role else f"no. {permission.role_id}, which is gone"


def below(ground: Ground, seats: Mapping[SeatKey, Seat]) -> dict[SeatKey, str]:
    """Seats below which the account has another permission that gives it something else on a host."""
    hindered = hindering(ground, seats)
    return {key: _said(ground, moid, ground.standing.users[key[1]][moid]) for key, moid in hindered.items()}


def hindering(ground: Ground, seats: Mapping[SeatKey, Seat]) -> dict[SeatKey, Moid]:
    """The same seats, each with where the last of such permissions stands."""
    found: dict[SeatKey, Moid] = {}
    for account in {account for _, account in seats}:
        own = ground.standing.users.get(account, {})
        staying = {
            moid: hosts
            for moid, held in own.items()
            if (moid, account) not in seats
            and (moid, account) not in ground.leaving
            and (hosts := _reached(ground.seen, moid, held))
        }
        sitting = staying.keys() | {moid for moid, whose in seats if whose == account}
        for moid in sorted(staying):
            seat = _above(ground, seats, moid, account)
            if seat is None or ground.privileges(own[moid]) == wanted_privileges(seat.template):
                continue
            if any(_decides(ground, sitting, host, moid) for host in staying[moid]):
                found[seat.entity.moid, account] = moid
    return found


def removable(ground: Ground, seats: Mapping[SeatKey, Seat]) -> set[SeatKey]:
    """Those that are to leave and may: nothing that stays above would give the account more there.

    A seat above may: that is what a grant says.
    """
    leaving: set[SeatKey] = set()
    for key in sorted(ground.leaving, key=lambda key: len(ground.seen.tree.lineage(key[0]))):
        above = _staying_above(ground, seats, leaving, key)
        if above is None or ground.privileges(above) <= ground.privileges(
            ground.standing.users[key[1]][key[0]]
        ):
            leaving.add(key)
    return leaving


def _staying_above(
    ground: Ground, seats: Mapping[SeatKey, Seat], leaving: set[SeatKey], key: SeatKey
) -> Permission | None:
    """The permission that would decide in its place; None where that is a seat, or nothing."""
    for moid in ground.seen.tree.lineage(key[0])[1:]:
        above = (moid, key[1])
        if above in seats and seats[above].propagate:
            return None
        held = ground.standing.at(above)
        if held is not None and held.propagate and above not in seats and above not in leaving:
            return held
    return None


def questions(ground: Ground, seats: Mapping[SeatKey, Seat]) -> dict[SeatKey, SeatKey]:
    """Where a group's permission may decide for an account below one of its seats: there, and the seat."""
    accounts: dict[Moid, list[str]] = defaultdict(list)
    for moid, account in seats:
        accounts[moid].append(account)
    found: dict[SeatKey, SeatKey] = {}
    for moid, permissions in ground.standing.groups.items():
        if not any(_reached(ground.seen, moid, p) for p in permissions):
            continue
        for above in reversed(ground.seen.tree.lineage(moid)[1:]):
            for account in accounts.get(above, ()):
                if seats[above, account].propagate:
                    found[moid, account] = (above, account)  # the nearest comes last
    return found


def through_groups(
    ground: Ground,
    seats: Mapping[SeatKey, Seat],
    held: Mapping[SeatKey, frozenset[str]],
) -> dict[SeatKey, str]:
    """Seats below which a group's permission decides for the account, as far as what it holds there tells."""
    found: dict[SeatKey, str] = {}
    for asked, seat in questions(ground, seats).items():
        own = ground.standing.at(asked)
        stays = own is not None and asked not in ground.leaving
        if asked in seats or (own and stays and _reached(ground.seen, asked[0], own)):
            continue  # the account's own permission decides for the hosts
        groups = ground.standing.groups[asked[0]]
        holds = None if ground.standing.at(asked) else held.get(asked)  # what goes hides what comes
        if holds is not None and holds - SYSTEM_PRIVILEGES == wanted_privileges(seats[seat].template):
            continue
        fitting = [g for g in groups if holds is None or _may_be_of(ground, g, holds)]
        if holds is not None and frozenset().union(*(ground.privileges(g) for g in fitting)) != (
            holds - SYSTEM_PRIVILEGES
        ):
            continue
        if fitting:
            found[seat] = f"{_said(ground, asked[0], fitting[0])}, and the account seems to be in that group"
    return found


def _may_be_of(ground: Ground, group: Permission, holds: frozenset[str]) -> bool:
    """Whether somebody who holds this may be in the group: every role but NoAccess lets its holder read."""
    role = ground.seen.roles.get(group.role_id)
    if role is not None and role.system and role.name == "NoAccess":
        return "System.Read" not in holds and "System.Anonymous" in holds
    return "System.Read" in holds and ground.privileges(group) <= holds


def _above(ground: Ground, seats: Mapping[SeatKey, Seat], moid: Moid, account: str) -> Seat | None:
    """The nearest of the account's seats that reaches down to here."""
    for above in ground.seen.tree.lineage(moid)[1:]:
        seat = seats.get((above, account))
        if seat is not None and seat.propagate:
            return seat
    return None


def _decides(ground: Ground, sitting: set[Moid], host: Moid, moid: Moid) -> bool:
    for at in ground.seen.tree.lineage(host):
        if at == moid:
            return True
        if at in sitting:
            return False
    return False


def _reached(seen: Survey, moid: Moid, permission: Permission) -> tuple[Moid, ...]:
    """The hosts that a permission reaches, unless a nearer one does."""
    node = seen.tree.node(moid)
    if node is None:
        return ()
    if permission.propagate or node.kind in (Kind.HOST, Kind.COMPUTE_RESOURCE):
        return seen.tree.hosts_below(moid)
    return ()


def _said(ground: Ground, moid: Moid, permission: Permission) -> str:
    kind = "group" if permission.group else "account"
    return (
        f"{ground.seen.tree.path_of(moid)}: the {kind} {permission.principal} has a permission there "
        f"(role {ground.role_name(permission)}) that decides for hosts of this grant; remove it, or name less"
    )


def others_holding(seen: Survey, role_id: int, known: Container[SeatKey]) -> Iterator[str]:
    """Who holds the role beside those that are known, in the order of the objects."""
    for moid, permissions in sorted(seen.permissions.items()):
        for permission in permissions:
            expected = not permission.group and (moid, canonical_user(permission.principal)) in known
            if permission.role_id == role_id and not expected:
                yield f"{permission.principal} on {seen.tree.path_of(moid) or moid}"


def elsewhere(ground: Ground, seats: Mapping[SeatKey, Seat], ours: frozenset[SeatKey]) -> Iterator[str]:
    """Permissions of the accounts, not ours, that neither help nor hinder any grant: worth knowing."""
    for account in sorted({account for _, account in seats}):
        for moid, permission in sorted(ground.standing.users.get(account, {}).items()):
            if (moid, account) in seats or (moid, account) in ours:
                continue
            if _above(ground, seats, moid, account) is None:
                where = ground.seen.tree.path_of(moid) or moid
                yield f"{permission.principal} also holds role {ground.role_name(permission)} on {where}"
