"""The lab's permission model behind the Administration port, without the wire between: fast, and killable.

What a person could do to it is done on `model`; what the controller does goes through a session of
the controller's account, which holds what the lab's own controller holds.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from broker.errors import BrokerError
from broker.lab.authorization.catalogue import SYSTEM_PRIVILEGES, Catalogue
from broker.lab.authorization.model import PermissionModel
from broker.lab.authorization.permissions import Permission as Held
from broker.lab.authorization.refusals import Refusal
from broker.lab.authorization.seed import seed_administrators, seed_controller
from broker.lab.world.inventory import ROOT, Inventory, Size, build
from broker.lab.world.users import ADMINISTRATORS, Users
from broker.model.names import Moid
from broker.model.principals import canonical_user
from broker.model.survey import Permission, Role, Survey
from broker.model.tree import Entity, Kind, Node, Tree
from broker.ports.administration import Forbidden
from tests.support.administration import UUID

CONTROLLER = "VSPHERE.LOCAL\\broker-controller"
ADMINISTRATOR = "VSPHERE.LOCAL\\administrator"
ACCOUNTS = ("svc-cim-a", "svc-cim-b")
GROUPS = {"monitoring": frozenset({"svc-cim-a"}), "storage": frozenset({"somebody"})}
KINDS = {kind.value: kind for kind in Kind}


class Killed(BaseException):
    """The process ends here: nothing of ours runs any more."""


@dataclass
class ModelledVcenter:
    """A vCenter's roles, permissions and inventory."""

    handed_on: frozenset[str]
    users: Users = field(
        default_factory=lambda: Users(
            dict.fromkeys(("administrator", "broker-controller", "somebody", *ACCOUNTS), "x"), GROUPS
        )
    )
    inventory: Inventory = field(default_factory=lambda: build(Size(hosts=8, clusters=3, standalone=2)))

    def __post_init__(self) -> None:
        self.model = PermissionModel(self.inventory, Catalogue.shipped(), self.users)
        seed_administrators(self.model, ROOT, ADMINISTRATORS)
        datacenters = [self.inventory.child_named(ROOT, name) or "" for name in ("DC1", "DC2")]
        seed_controller(self.model, ROOT, datacenters, CONTROLLER, self.handed_on)

    @property
    def tree(self) -> Tree:
        nodes = [
            Node(Moid(e.moid), KINDS[e.type_name], e.name, Moid(e.parent) if e.parent else None)
            for e in self.inventory.entities()
            if e.type_name in KINDS and not e.moid.startswith(("group-v", "group-s", "group-n"))
        ]
        return Tree(Moid(ROOT), nodes)

    def effective(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """What each account may do on each host and on the root folder, beside System.*."""
        places = [ROOT, *(host.moid for host in self.inventory.hosts())]
        return {
            (account, moid): self.model.effective(f"VSPHERE.LOCAL\\{account}", moid) - SYSTEM_PRIVILEGES
            for account in ACCOUNTS
            for moid in places
        }


class ModelAdministration:
    """A session of the controller on it."""

    def __init__(self, vcenter: ModelledVcenter) -> None:
        self._vcenter = vcenter
        self._model = vcenter.model

    def instance_uuid(self) -> str:
        return UUID

    def privilege_ids(self) -> frozenset[str]:
        return frozenset(self._model.catalogue.privileges)

    def roles(self) -> tuple[Role, ...]:
        return tuple(
            Role(r.role_id, r.name, r.system, r.privileges - SYSTEM_PRIVILEGES) for r in self._model.roles()
        )

    def survey(self) -> Survey:
        held: dict[Moid, list[Permission]] = defaultdict(list)
        for each in self._model.permissions():
            held[Moid(each.entity)].append(_permission(each))
        permissions = {moid: tuple(permissions) for moid, permissions in held.items()}
        return Survey(UUID, {role.id: role for role in self.roles()}, permissions, self._vcenter.tree)

    def knows(self, principal: str) -> bool:
        return self._vcenter.users.exists(principal, False)  # noqa: FBT003

    def own_privileges(self, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        return self.privileges_of(CONTROLLER, entities)

    def privileges_of(self, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        return {each.moid: self._model.effective(user, each.moid) for each in entities}

    def create_role(self, name: str, privileges: frozenset[str]) -> None:
        with _refusals():
            self._model.add_role(name, privileges)

    def update_role(self, role_id: int, name: str, privileges: frozenset[str]) -> None:
        with _refusals():
            self._model.put_role(self._model.revised_role(CONTROLLER, role_id, name, privileges)[1])

    def remove_role(self, role_id: int) -> None:
        with _refusals():
            self._model.remove_role(role_id, fail_if_used=True)

    def permissions(self, entity: Entity) -> tuple[Permission, ...]:
        return tuple(_permission(each) for each in self._model.permissions_on(entity.moid))

    def set_permission(self, entity: Entity, permission: Permission) -> None:
        with _refusals():
            self._model.require_modify(CONTROLLER, entity.moid)
            self._model.set_permission(
                CONTROLLER,
                Held(
                    entity.moid,
                    permission.principal,
                    permission.group,
                    permission.role_id,
                    permission.propagate,
                ),
            )

    def remove_permission(self, entity: Entity, principal: str) -> None:
        with _refusals():
            self._model.remove_permission(CONTROLLER, entity.moid, principal, group=False)

    def access_events(self, told: object) -> object:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing stays open."""


@dataclass
class Fuse:
    """Counts the calls of whatever it guards, and ends the process before a certain one."""

    calls_left: int | None = None

    def guard(self, room: Any) -> Any:
        """The same room, each of its methods behind the fuse."""
        return _Guarded(room, self)

    def burn(self) -> None:
        if self.calls_left is not None:
            if self.calls_left <= 0:
                raise Killed
            self.calls_left -= 1


class _Guarded:
    def __init__(self, room: object, fuse: Fuse) -> None:
        self._room = room
        self._fuse = fuse

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._room, name)

        def called(*arguments: object, **named: object) -> object:
            self._fuse.burn()
            result: object = method(*arguments, **named)
            return result

        return called


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        error: BrokerError = Forbidden(f"{type(refusal).__name__}: {refusal}")
    else:
        return
    raise error


def _permission(held: Held) -> Permission:
    return Permission(held.principal, held.group, held.role_id, held.propagate)


def account_of(principal: str) -> str:
    """The account's bare name."""
    return canonical_user(principal).rpartition("\\")[2]
