"""What the seats take in permissions, one step each."""

from collections.abc import Iterator, Mapping

from broker.controller.planning.conflicts import Ground
from broker.controller.planning.facts import Facts, parent_of
from broker.controller.planning.plan import (
    Kept,
    PermissionAction,
    PermissionStep,
    ProblemKind,
    Reach,
)
from broker.controller.planning.wishes import Blocked, Ownership, Seat, SeatKey, wanted_privileges
from broker.model.names import Moid
from broker.model.principals import canonical_user
from broker.model.survey import Permission, Survey

MODIFY_PERMISSIONS = "Authorization.ModifyPermissions"
_NAMES = 100
_GRANTS = 5


def seat_step(
    seat: Seat, role_id: int | None, ground: Ground, mine: Ownership, facts: Facts
) -> PermissionStep | None:
    """What makes the seat true; None where it is. Raises Blocked for all that a grant needs of it."""
    key = (seat.entity.moid, canonical_user(seat.principal))
    before = ground.standing.at(key)
    if before is not None and (before.role_id, before.propagate) == (role_id, seat.propagate):
        return None
    if before is not None and not is_ours(key, before, mine):
        raise Blocked(ProblemKind.CONFLICT, "", _not_ours(seat.path, before, ground))
    action = PermissionAction.SET if before is None else PermissionAction.REPLACE
    if action is PermissionAction.SET and canonical_user(seat.principal) in facts.missing:
        text = f"vCenter knows no account {seat.principal}; write its domain as vCenter's user directory does"
        raise Blocked(ProblemKind.PRINCIPAL, "", text)
    if lack := _lacking(seat.entity.moid, wanted_privileges(seat.template), ground.seen, facts):
        raise Blocked(ProblemKind.CONTROLLER, "", lack)
    return PermissionStep(
        action=action,
        path=seat.path,
        entity=seat.entity,
        principal=seat.principal if before is None else before.principal,
        before=before,
        before_role=ground.role_name(before) if before else "",
        role=seat.template.role_name,
        propagate=seat.propagate,
        reason=_wanted_by(seat),
        hosts=reach_of(ground.seen, [seat.entity.moid]),
    )


def is_ours(key: SeatKey, permission: Permission, mine: Ownership) -> bool:
    """Set by us, and changed by nobody into something with another role than ours, or to be taken back."""
    ours = {role.role_id for role in mine.roles.values()}
    return key in mine.permissions and (permission.role_id in ours or key in mine.reclaimed)


def leaving_steps(keys: frozenset[SeatKey], ground: Ground, facts: Facts) -> Iterator[PermissionStep | Kept]:
    """Taking away what is ours and no longer wanted; what the controller may not take away is kept."""
    for moid, account in sorted(keys, key=lambda key: (_depth(ground.seen, key[0]), key)):
        before = ground.standing.users[account][moid]
        node = ground.seen.tree.node(moid)
        path = ground.seen.tree.path_of(moid) or moid
        role = ground.seen.roles.get(before.role_id)
        if lack := _lacking(moid, role.privileges if role else frozenset(), ground.seen, facts):
            yield kept_permission((moid, account), ground, lack)
        elif node is None:
            reason = "its object is not in the inventory that the controller sees"
            yield kept_permission((moid, account), ground, reason)
        else:
            yield PermissionStep(
                action=PermissionAction.REMOVE,
                path=path,
                entity=ground.seen.tree.entity(moid),
                principal=before.principal,
                before=before,
                before_role=ground.role_name(before),
                role=None,
                propagate=before.propagate,
                reason="ours, and no grant wants it any more",
                hosts=reach_of(ground.seen, [moid]),
            )


def kept_permission(key: SeatKey, ground: Ground, reason: str) -> Kept:
    """A permission of ours that stays."""
    held = ground.standing.users[key[1]][key[0]]
    path = ground.seen.tree.path_of(key[0]) or key[0]
    return Kept(f"permission of {held.principal} on {path} (role {ground.role_name(held)})", reason)


def in_order(steps: list[PermissionStep], seen: Survey) -> list[PermissionStep]:
    """So that after each step every host gives every account what it gave before, or what it will give.

    New ones from the leaves up, since one set first would reach what a nearer one is to take over;
    then those in place of ours; then those that go, from the root down, since what takes over from
    them stands above.
    """
    orders = {PermissionAction.SET: 0, PermissionAction.REPLACE: 1, PermissionAction.REMOVE: 2}

    def place(step: PermissionStep) -> tuple[int, int, str, str]:
        depth = _depth(seen, step.entity.moid)
        down = depth if step.action is PermissionAction.REMOVE else -depth
        return orders[step.action], down, step.path, step.principal

    return sorted(steps, key=place)


def reach_of(seen: Survey, moids: list[Moid]) -> Reach:
    """The hosts below these objects."""
    hosts = (
        dict.fromkeys(host for moid in moids for host in seen.tree.hosts_below(moid))
        if len(moids) > 1
        else seen.tree.hosts_below(moids[0])
        if moids
        else ()
    )
    names = [node.name for host in list(hosts)[:_NAMES] if (node := seen.tree.node(host)) is not None]
    return Reach(len(hosts), tuple(names))


def _depth(seen: Survey, moid: Moid) -> int:
    return len(seen.tree.lineage(moid))


def _lacking(moid: Moid, privileges: frozenset[str], seen: Survey, facts: Facts) -> str:
    if facts.own is None:
        return ""
    needed: Mapping[Moid | None, frozenset[str]] = {
        parent_of(moid, seen): frozenset({MODIFY_PERMISSIONS}),
        moid: privileges | {MODIFY_PERMISSIONS},
    }
    for place, wanted in needed.items():
        held = facts.own.get(place) if place is not None else None
        if place is not None and held is not None and (lack := wanted - held):
            names, path = ", ".join(sorted(lack)), seen.tree.path_of(place)
            return f"the controller's account lacks {names} on {path}; give it to the account there"
    return ""


def _not_ours(path: str, before: Permission, ground: Ground) -> str:
    return (
        f"{path}: {before.principal} has a permission there that is not ours "
        f"(role {ground.role_name(before)}); remove it, or name another account"
    )


def _wanted_by(seat: Seat) -> str:
    more = f" and {len(seat.grants) - _GRANTS} more" if len(seat.grants) > _GRANTS else ""
    return f"grant {', '.join(seat.grants[:_GRANTS])}{more}"
