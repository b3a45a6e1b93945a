"""All that a plan rests on, in words, so that two of them say what has moved in between."""

from collections.abc import Iterable, Mapping, Sequence

from broker.controller.planning.conflicts import Standing
from broker.controller.planning.wishes import Ownership, Wish
from broker.model.survey import Permission, Role, Survey


def observed(wishes: Sequence[Wish], seen: Survey, mine: Ownership, standing: Standing) -> Mapping[str, str]:
    """What to look at, and what stood there."""
    named = {wish.template.role_name for wish in wishes} | set(mine.roles)
    seats = {key for wish in wishes for key in wish.keys}
    found = {f"role {name}": _role(seen.roles_by_name.get(name)) for name in named}
    found |= {f"path {t.path}": t.moid for wish in wishes for t in wish.targets}
    found |= {
        f"permission of {account} on {moid}": _permission(standing.at((moid, account)))
        for moid, account in seats | mine.permissions
    }
    found |= {f"in the store: role {name}": f"{claim.role_id}" for name, claim in mine.roles.items()}
    found |= {f"in the store: grant {grant}": row.digest for grant, row in mine.applied.items()}
    return dict(sorted(found.items()))


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    """What is not as it was, one line each."""
    for what in sorted({*before, *now}):
        was, is_now = before.get(what, "not looked at"), now.get(what, "not looked at")
        if was != is_now:
            yield f"{what}: {was} when planned, {is_now} now"


def _role(role: Role | None) -> str:
    return "none" if role is None else f"no. {role.id}: {', '.join(sorted(role.privileges)) or 'nothing'}"


def _permission(held: Permission | None) -> str:
    if held is None:
        return "none"
    return f"role no. {held.role_id}, {'with' if held.propagate else 'without'} what lies below"
