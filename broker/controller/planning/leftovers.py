"""What is ours in vCenter and asked for by no grant: it stays, or goes where that is asked for."""

from collections.abc import Iterator, Sequence

from broker.controller.planning import conflicts
from broker.controller.planning.basis import Basis
from broker.controller.planning.conflicts import Ground
from broker.controller.planning.facts import Facts
from broker.controller.planning.permissions import is_ours, kept_permission, leaving_steps
from broker.controller.planning.plan import Asked, Kept, PermissionStep
from broker.controller.planning.wishes import SeatKey, Wish, applied_seats


def leftovers_of(basis: Basis, wishes: Sequence[Wish], standing: conflicts.Standing) -> frozenset[SeatKey]:
    """Permissions of ours that no grant asks for, whether or not it can be applied."""
    asked = {key for wish in wishes for key in wish.keys} | set(_of_unresolved(basis, wishes))
    found: set[SeatKey] = set()
    for key in basis.mine.permissions - asked:
        held = standing.at(key)
        if held is not None and is_ours(key, held, basis.mine):
            found.add(key)
    return frozenset(found)


def _of_unresolved(basis: Basis, wishes: Sequence[Wish]) -> Iterator[SeatKey]:
    """Where grants stand whose paths lead nowhere now: nobody said that they shall not."""
    resolved = {wish.grant.id for wish in wishes}
    for grant in basis.grants:
        applied = basis.mine.applied.get(grant.id)
        if grant.id in resolved or applied is None:
            continue
        yield from applied_seats(applied, basis.policy.accounts[grant.account].user, basis.seen)


def removals_of(
    leftovers: frozenset[SeatKey], ground: Ground, facts: Facts, asked: Asked
) -> tuple[list[Kept], list[PermissionStep]]:
    """What of it stays, and why, and the steps that take the rest away."""
    found = list(leaving_steps(ground.leaving if asked.prune else leftovers, ground, facts))
    kept = [each for each in found if isinstance(each, Kept)]
    steps = [each for each in found if isinstance(each, PermissionStep)]
    if asked.prune:
        reason = "without it a permission above would give the account more there"
        return [
            *kept,
            *(kept_permission(key, ground, reason) for key in sorted(leftovers - ground.leaving)),
        ], steps
    named = [
        Kept(f"permission of {s.principal} on {s.path} (role {s.before_role})", "--prune removes it")
        for s in steps
    ]
    return [*kept, *named], []
