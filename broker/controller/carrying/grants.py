"""Steps about grants: what `serve` decides on."""

from functools import partial

from broker.controller.carrying.report import Journal
from broker.controller.carrying.site import Site
from broker.controller.planning.plan import GrantStep
from broker.controller.rooms import ControllerRooms
from broker.model.applied import AppliedGrant
from broker.model.names import GrantId, VcenterId
from broker.model.record import Event


def withdraw(rooms: ControllerRooms, journal: Journal, grant: GrantId, vcenter: VcenterId, why: str) -> None:
    """The grant gives no tickets from now on, on record. Raises LogUnavailable: then all is as it was."""
    fields = {"grant": grant, "vcenter": vcenter, "why": why}
    journal.changed_by(Event.GRANT_WITHDRAWN, fields, partial(rooms.store.remove, grant))


def stands(site: Site, step: GrantStep, role_id: int) -> bool:
    """Whether the store has the grant just so. Raises LogUnavailable."""
    row = site.rooms.store.applied(step.grant)
    return row is not None and row.stands_as(step.digest, site.vcenter, step.scope, role_id)


def entitle(site: Site, step: GrantStep, role_id: int) -> None:
    """The grant is in force: on record first, then in the store. Raises LogUnavailable."""
    applied = AppliedGrant(
        grant=step.grant,
        digest=step.digest,
        vcenter=site.vcenter,
        scope=step.scope,
        role_id=role_id,
        applied_at=site.rooms.clock.now(),
    )
    before = site.rooms.store.applied(step.grant)
    site.journal.changed(
        Event.GRANT_APPLIED,
        site.fields(
            grant=step.grant,
            digest=step.digest,
            replaced=before.digest if before else "",
            role_id=role_id,
            principal=step.principal,
            scope=[f"{entry.path} = {entry.moid}" for entry in step.scope],
        ),
    )
    site.rooms.store.put(applied)
