"""Carrying out a grant's plan: all its permissions, or none of them."""

from contextlib import suppress

from broker.controller.plan import GrantPlan, Step
from broker.controller.site import Site
from broker.controller.undo import UndoStack
from broker.errors import BrokerError
from broker.model.record import Event, JsonValue
from broker.model.survey import users_permission
from broker.ports.administration import Forbidden, OwnPermission


class NotUndone(BrokerError):
    """A grant failed half-way, and some of what was done before could not be undone."""


def set_permissions(site: Site, plan: GrantPlan) -> None:
    """Set what the plan lacks. A failure undoes what this call set, in reverse, and is raised.

    Each permission is claimed in the store before vCenter is asked and on record once it stands.
    Raises what Administration and the store raise, or NotUndone.
    """
    stack = UndoStack()
    try:
        with stack:
            for step in plan.steps:
                stack.push(step.entity.moid, lambda step=step: _undo(site, step))  # type: ignore[misc]
                _set(site, plan, step)
    except BrokerError as error:
        if not stack.left:
            raise
        raise NotUndone(f"{error}; and not undone: {'; '.join(stack.left)}") from error


def _set(site: Site, plan: GrantPlan, step: Step) -> None:
    wanted = step.wanted
    site.store.own_permission(
        OwnPermission(site.instance_uuid, step.entity.moid, wanted.principal, wanted.role_id)
    )
    site.administration.set_permission(step.entity, wanted)
    fields: dict[str, JsonValue] = {
        "vcenter": site.vcenter,
        "instance_uuid": site.instance_uuid,
        "grant": plan.grant.id,
        "entity": step.entity.moid,
        "principal": wanted.principal,
        "role": plan.role.name,
        "role_id": wanted.role_id,
        "propagate": wanted.propagate,
    }
    site.journal.changed(Event.PERMISSION_SET, fields)


def _undo(site: Site, step: Step) -> None:
    """Only what we set is taken back: somebody may have put something else there meanwhile."""
    wanted = step.wanted
    shown = users_permission(site.administration.permissions(step.entity), wanted.principal)
    if shown is None and step.previous is None:
        # vCenter may have taken it and show it under another name of the account
        with suppress(Forbidden):
            site.administration.remove_permission(step.entity, wanted.principal)
    if shown is None or (shown.role_id, shown.propagate) != (wanted.role_id, wanted.propagate):
        return
    if step.previous is None:
        site.administration.remove_permission(step.entity, shown.principal)
    else:
        site.administration.set_permission(step.entity, step.previous)
