"""Steps about permissions: only what the plan saw is replaced or taken away."""

from broker.controller.carrying.readback import EFFECTIVE_WITHIN_S, Failed, written
from broker.controller.carrying.site import Site
from broker.controller.planning.plan import PermissionStep, ProblemKind
from broker.model.record import Event, JsonValue
from broker.model.survey import Permission, users_permission
from broker.ports.administration import OwnPermission


def set_permission(site: Site, step: PermissionStep, role_id: int) -> None:
    """Make the permission stand. Raises Failed, and what Administration and the store raise.

    One that stands already just so, set meanwhile by an apply that died or by somebody else, is used.
    """
    wanted = Permission(step.principal, group=False, role_id=role_id, propagate=step.propagate)
    shown = _shown(site, step)
    if _same(shown, wanted):
        return
    _check_planned(step, shown)
    fields = _fields(site, step)
    fields |= {"role": step.role, "role_id": role_id, "propagate": step.propagate}
    site.journal.begins_change(Event.PERMISSION_SET, fields)
    site.rooms.store.own_permission(
        OwnPermission(site.instance_uuid, step.entity.moid, step.principal, role_id)
    )
    after = written(
        site.rooms,
        lambda: site.administration.set_permission(step.entity, wanted),
        lambda: _shown(site, step),
        lambda shown: _same(shown, wanted),
    )
    if not _same(after, wanted):
        raise _unseen(step, after, "set")
    site.journal.changed(Event.PERMISSION_SET, fields)


def remove_permission(site: Site, step: PermissionStep) -> None:
    """Take the permission away. Raises as `set_permission` does."""
    shown = _shown(site, step)
    if shown is not None:
        _check_planned(step, shown)
        site.journal.begins_change(Event.PERMISSION_REMOVED, _fields(site, step))
        after = written(
            site.rooms,
            lambda: site.administration.remove_permission(step.entity, shown.principal),
            lambda: _shown(site, step),
            lambda shown: shown is None,
        )
        if after is not None:
            raise _unseen(step, after, "removed")
        site.journal.changed(Event.PERMISSION_REMOVED, _fields(site, step))
    site.rooms.store.disown_permission(site.instance_uuid, step.entity.moid, step.principal)


def _shown(site: Site, step: PermissionStep) -> Permission | None:
    return users_permission(site.administration.permissions(step.entity), step.principal)


def _check_planned(step: PermissionStep, shown: Permission | None) -> None:
    as_planned = shown is None if step.before is None else _same(shown, step.before)
    if not as_planned:
        raise Failed(
            ProblemKind.FOREIGN,
            f"{step.path}: {step.principal} has {_told(shown)} there, and when planned it had "
            f"{_told(step.before)}; it stays as it is: plan again",
        )


def _same(shown: Permission | None, wanted: Permission) -> bool:
    return shown is not None and ((shown.role_id, shown.propagate) == (wanted.role_id, wanted.propagate))


def _unseen(step: PermissionStep, shown: Permission | None, done: str) -> Failed:
    as_before = shown == step.before
    return Failed(
        ProblemKind.REFUSED if as_before else ProblemKind.FOREIGN,
        f"{step.path}: {step.principal} has {_told(shown)} there {EFFECTIVE_WITHIN_S:.0f} s after the "
        f"permission was {done}; before it had {_told(step.before)}; it stays as it is",
    )


def _told(permission: Permission | None) -> str:
    if permission is None:
        return "no permission"
    return f"role no. {permission.role_id} {'with' if permission.propagate else 'without'} what lies below"


def _fields(site: Site, step: PermissionStep) -> dict[str, JsonValue]:
    return site.fields(
        entity=step.entity.moid,
        path=step.path,
        principal=step.principal,
        held=f"{step.before_role}, {_told(step.before)}" if step.before else "nothing",
        wanted_by=step.reason,
    )
