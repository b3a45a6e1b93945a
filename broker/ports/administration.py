"""What the controller asks of vCenter and of the store.

Nothing that serves an app knows these: the privileged credential stands behind
`Administration`, and behind nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.errors import BrokerError
from broker.model.applied import AppliedGrant, Drift
from broker.model.names import GrantId, Moid, TemplateId, VcenterId
from broker.model.record import Record
from broker.model.survey import Permission, Role, Survey
from broker.model.tree import Entity
from broker.ports.issuing import AppliedGrants
from broker.ports.listening import AccessEvent, Told


class Forbidden(BrokerError):
    """vCenter refuses the change to the privileged account, or for the principal; says which."""


class Administration(Protocol):
    """The privileged side of one vCenter.

    Every method raises Refused(VCENTER_UNAVAILABLE | VCENTER_TIMEOUT | VCENTER_FAULT |
    LOGIN_LATCHED) when vCenter could not be asked, and Forbidden when it refuses the call itself
    for want of a privilege, an unknown principal or an argument that it does not take.
    """

    def instance_uuid(self) -> str:
        """about.instanceUuid: which vCenter this is."""
        ...

    def privilege_ids(self) -> frozenset[str]:
        """Every privilege that this vCenter knows; empty where it does not say."""
        ...

    def roles(self) -> tuple[Role, ...]:
        """All roles."""
        ...

    def knows(self, principal: str) -> bool:
        """Whether a user of that name exists."""
        ...

    def own_privileges(self, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        """All that the controller's own account holds on each entity that vCenter answers about."""
        ...

    def privileges_of(self, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        """The same of another user, groups included."""
        ...

    def create_role(self, name: str, privileges: frozenset[str]) -> None:
        """Create a role. This and every other change may take effect after the answer."""
        ...

    def update_role(self, role_id: int, name: str, privileges: frozenset[str]) -> None:
        """Set a role's name and privileges."""
        ...

    def remove_role(self, role_id: int) -> None:
        """Remove a role; vCenter refuses it while a permission uses it."""
        ...

    def survey(self) -> Survey:
        """The whole vCenter in a number of calls that depends on its size by pages only."""
        ...

    def permissions(self, entity: Entity) -> tuple[Permission, ...]:
        """The permissions defined on the entity itself."""
        ...

    def set_permission(self, entity: Entity, permission: Permission) -> None:
        """Set one principal's permission, leaving those of others."""
        ...

    def remove_permission(self, entity: Entity, principal: str) -> None:
        """Remove one user's permission from the entity."""
        ...

    def events(self) -> tuple[AccessEvent, ...]:
        """What vCenter's youngest events tell of roles and permissions, oldest first."""
        ...

    def listen(self, told: Told) -> None:
        """Tell of every change, and every few seconds that there was none, until `close`.

        Returns or raises where the wait breaks; `told` must not raise. Other methods may be called
        meanwhile, from other threads.
        """
        ...

    def close(self) -> None:
        """Log out, and end `listen`. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class OwnRole:
    """A role that this broker made, or is about to make where `role_id` is None.

    Keyed by (instance_uuid, name). `privileges` is what was last asked for, so that a role left
    by a crash between the call and its answer is recognised.
    """

    instance_uuid: str
    name: str
    template: TemplateId
    role_id: int | None
    privileges: frozenset[str]


@dataclass(frozen=True, slots=True)
class OwnPermission:
    """A permission that this broker set, or is about to set. Keyed by the first three."""

    instance_uuid: str
    entity: Moid
    principal: str
    role_id: int


@dataclass(frozen=True, slots=True)
class Mark:
    """What a look found of a grant as it was `seen`: a drift, or None where it holds; and its record."""

    seen: AppliedGrant
    drift: Drift | None
    said: Record


class HeardStore(Protocol):
    """Until when the controller knows how each vCenter stands: what `serve` trusts its marks by."""

    def hear(self, vcenter: VcenterId, at: datetime) -> None:
        """How the vCenter stood at that time is known, and marked. Raises LogUnavailable."""
        ...


class AppliedStore(AppliedGrants, Protocol):
    """What was applied, and what in vCenter is ours. Every method raises LogUnavailable.

    Writes are durable when they return; `own_*` and `put` replace what stood under the key.
    """

    def all(self) -> tuple[AppliedGrant, ...]:
        """Every applied grant, in the order of their ids."""
        ...

    def put(self, applied: AppliedGrant) -> None:
        """Remember a grant as applied."""
        ...

    def mark(self, marks: Sequence[Mark]) -> tuple[Mark, ...]:
        """Say what no longer holds, or that all does, each with its record, in one transaction.

        Gives those that were made: none where a grant was applied anew or withdrawn after it was `seen`.
        """
        ...

    def remove(self, grant: GrantId, said: Record) -> None:
        """Forget that a grant was applied, with its record, in one transaction."""
        ...

    def own_roles(self, instance_uuid: str) -> tuple[OwnRole, ...]:
        """The roles of that vCenter that are ours."""
        ...

    def own_role(self, role: OwnRole) -> None:
        """Claim a role: first without its id, before vCenter is asked, then with it."""
        ...

    def own_permissions(self, instance_uuid: str) -> tuple[OwnPermission, ...]:
        """The permissions of that vCenter that are ours."""
        ...

    def own_permission(self, permission: OwnPermission) -> None:
        """Claim a permission before vCenter is asked to set it."""
        ...

    def disown_role(self, instance_uuid: str, name: str) -> None:
        """A role is ours no longer: it is gone, or another took its name."""
        ...

    def disown_permission(self, instance_uuid: str, entity: Moid, principal: str) -> None:
        """A permission is ours no longer."""
        ...
