"""A vCenter in memory behind the Administration port, and a policy that is applied to it.

It keeps what a real one promises of roles, permissions and paths; the wire is proved elsewhere,
against the lab. Calls can be made to fail, or to be the last before a crash.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue

from broker.controller.planning.permissions import MODIFY_PERMISSIONS
from broker.controller.planning.roles import MODIFY_ROLES
from broker.errors import BrokerError
from broker.model.names import AccountId, AppId, GrantId, Moid, TemplateId, VcenterId
from broker.model.policy import Account, App, Grant, Policy, Rate, ReadinessMode, Scope, Vcenter
from broker.model.principals import canonical_user
from broker.model.record import Event, Record
from broker.model.secret import SecretVariable
from broker.model.survey import Permission, Role, Survey
from broker.model.tree import Entity, Kind, Node, Tree
from broker.ports.administration import Forbidden
from broker.ports.listening import AccessEvent, News, Told
from tests.support.templates import template as template_of

CIM = "Host.Cim.CimInteraction"
CONFIG = "Host.Config.SystemManagement"
UUID = "61f12cb6-9de0-40cb-9c47-61d494229f4f"
READER = "VSPHERE.LOCAL\\cim-reader"


@dataclass
class FakeVcenter:
    """Changed by the broker through the port, and by anybody else through its attributes."""

    uuid: str = UUID
    known: frozenset[str] = frozenset({CIM, CONFIG, "Global.Settings"})
    held: frozenset[str] = frozenset({CIM, CONFIG, "Global.Settings"})
    """What the controller's account holds everywhere."""
    principals: set[str] = field(default_factory=lambda: {canonical_user(READER), "corp\\other"})
    roles: dict[int, Role] = field(default_factory=dict)
    permissions: dict[Moid, list[Permission]] = field(default_factory=dict)
    nodes: dict[Moid, Node] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    lacking: dict[Moid, frozenset[str]] = field(default_factory=dict)
    """What the controller's account does not hold, by entity."""
    effective: dict[tuple[str, Moid], frozenset[str]] = field(default_factory=dict)
    """What vCenter says that an account holds."""
    logins: int = 0
    logouts: int = 0
    events: list[AccessEvent] = field(default_factory=list)
    ears: list["Queue[News | BaseException | None]"] = field(default_factory=list)
    fail: Callable[[str, str], BrokerError | None] = lambda _call, _subject: None

    def __post_init__(self) -> None:
        self.roles = {
            -1: Role(-1, "Admin", system=True, privileges=self.known),
            7: Role(7, "storage", system=False, privileges=frozenset({CONFIG})),
        }
        root = self.add("group-d1", Kind.FOLDER, "Datacenters", None)
        for name in ("DC1", "DC2"):
            datacenter = self.add(f"datacenter-{name}", Kind.DATACENTER, name, root)
            hosts = self.add(f"group-h-{name}", Kind.FOLDER, "host", datacenter)
            cluster = self.add(f"domain-c-{name}", Kind.CLUSTER, "cluster", hosts)
            self.add(f"host-{name}-1", Kind.HOST, "esx01", cluster)
            self.add(f"host-{name}-2", Kind.HOST, "esx02", cluster)
            nested = self.add(f"group-h-{name}-rack", Kind.FOLDER, "rack%2f7", hosts)
            alone = self.add(f"domain-s-{name}", Kind.COMPUTE_RESOURCE, "esx09", nested)
            self.add(f"host-{name}-9", Kind.HOST, "esx09", alone)

    def add(self, moid: str, kind: Kind, name: str, parent: Moid | None) -> Moid:
        self.nodes[Moid(moid)] = Node(Moid(moid), kind, name, parent)
        return Moid(moid)

    def move(self, moid: str, parent: str) -> None:
        self.nodes[Moid(moid)] = replace(self.nodes[Moid(moid)], parent=Moid(parent))

    def rename(self, moid: str, name: str) -> None:
        self.nodes[Moid(moid)] = replace(self.nodes[Moid(moid)], name=name)

    @property
    def tree(self) -> Tree:
        return Tree(Moid("group-d1"), self.nodes.values())

    def hold(self, moid: str, permission: Permission) -> None:
        self.permissions.setdefault(Moid(moid), []).append(permission)

    def tell(self, told: News | BaseException) -> None:
        """Something is heard in every session, or breaks its wait."""
        for ear in self.ears:
            ear.put(told)

    def role(self, name: str) -> Role:
        return next(role for role in self.roles.values() if role.name == name)


class FakeAdministration:
    """One privileged session. What `FakeVcenter.tell` says reaches whoever listens."""

    def __init__(self, vcenter: FakeVcenter) -> None:
        self._vcenter = vcenter
        self._ear: Queue[News | BaseException | None] = Queue()
        vcenter.ears.append(self._ear)
        vcenter.logins += 1

    def instance_uuid(self) -> str:
        self._called("instance_uuid")
        return self._vcenter.uuid

    def privilege_ids(self) -> frozenset[str]:
        return self._vcenter.known

    def roles(self) -> tuple[Role, ...]:
        self._called("roles")
        return tuple(self._vcenter.roles.values())

    def knows(self, principal: str) -> bool:
        self._called("knows", principal)
        return canonical_user(principal) in self._vcenter.principals

    def own_privileges(self, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        self._called("own_privileges")
        everything = self._vcenter.held | {MODIFY_ROLES, MODIFY_PERMISSIONS}
        lacking = self._vcenter.lacking
        return {e.moid: everything - lacking.get(e.moid, frozenset()) for e in entities}

    def privileges_of(self, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        self._called("privileges_of", user)
        return {e.moid: self._vcenter.effective.get((user, e.moid), frozenset()) for e in entities}

    def create_role(self, name: str, privileges: frozenset[str]) -> None:
        self._called("create_role", name)
        if any(role.name == name for role in self._vcenter.roles.values()):
            raise Forbidden(f"create role {name}: AlreadyExists")
        role = Role(max(self._vcenter.roles) + 100, name, False, privileges)  # noqa: FBT003
        self._vcenter.roles[role.id] = role
        self._wrote("create_role", name)

    def update_role(self, role_id: int, name: str, privileges: frozenset[str]) -> None:
        self._called("update_role", name)
        role = replace(self._vcenter.roles[role_id], name=name, privileges=privileges)
        self._vcenter.roles[role_id] = role
        self._wrote("update_role", name)

    def remove_role(self, role_id: int) -> None:
        role = self._vcenter.roles[role_id]
        self._called("remove_role", role.name)
        if any(p.role_id == role_id for held in self._vcenter.permissions.values() for p in held):
            raise Forbidden("remove role: RemoveFailed")
        del self._vcenter.roles[role_id]
        self._wrote("remove_role", role.name)

    def survey(self) -> Survey:
        self._called("survey")
        held = {moid: tuple(permissions) for moid, permissions in self._vcenter.permissions.items()}
        seen = Survey(self._vcenter.uuid, dict(self._vcenter.roles), held, self._vcenter.tree)
        self._called("after survey")
        return seen

    def permissions(self, entity: Entity) -> tuple[Permission, ...]:
        self._called("permissions", entity.moid)
        return tuple(self._vcenter.permissions.get(entity.moid, []))

    def set_permission(self, entity: Entity, permission: Permission) -> None:
        self._called("set_permission", entity.moid)
        if self._vcenter.tree.entity(entity.moid) != entity:
            raise Forbidden("InvalidArgument")
        if canonical_user(permission.principal) not in self._vcenter.principals:
            raise Forbidden("UserNotFound")
        self._replace(entity, permission.principal, [permission])
        self._wrote("set_permission", entity.moid)

    def remove_permission(self, entity: Entity, principal: str) -> None:
        self._called("remove_permission", entity.moid)
        self._replace(entity, principal, [])
        self._wrote("remove_permission", entity.moid)

    def events(self) -> tuple[AccessEvent, ...]:
        return tuple(self._vcenter.events)

    def listen(self, told: Told) -> None:
        while (news := self._ear.get()) is not None:
            if isinstance(news, BaseException):
                raise news
            told(news)

    def close(self) -> None:
        self._vcenter.logouts += 1
        self._ear.put(None)

    def _replace(self, entity: Entity, principal: str, by: list[Permission]) -> None:
        held = self._vcenter.permissions.get(entity.moid, [])
        others = [p for p in held if p.group or canonical_user(p.principal) != canonical_user(principal)]
        self._vcenter.permissions[entity.moid] = others + by

    def _called(self, call: str, subject: str = "") -> None:
        if (error := self._vcenter.fail(call, subject)) is not None:
            raise error

    def _wrote(self, call: str, subject: str) -> None:
        self._vcenter.writes.append(f"{call} {subject}")
        if (error := self._vcenter.fail(f"after {call}", subject)) is not None:
            raise error


class Crash(BaseException):
    """The process ends here: nothing of ours runs any more."""


def failing(call: str, subject: str, error: BrokerError) -> Callable[[str, str], BrokerError | None]:
    return lambda c, s: error if (c, s) == (call, subject) else None


def crashing(call: str, subject: str = "") -> Callable[[str, str], BrokerError | None]:
    """From that call on no call comes through: whatever would still be undone is not."""
    dead: list[str] = []

    def now(c: str, s: str) -> BrokerError | None:
        if dead or (c == call and subject in ("", s)):
            dead.append(c)
            raise Crash
        return None

    return now


class RememberingLog:
    """A SystemLog that keeps what it was told."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, records: object) -> None:
        assert isinstance(records, list)
        self.records.extend(records)

    def events(self) -> list[Event]:
        return [record.event for record in self.records]


def grant(name: str, *scope: str, template: str = "cim-ticket", account: str = "reader") -> Grant:
    return Grant(
        id=GrantId(name),
        app=AppId("nagios"),
        template=TemplateId(template),
        account=AccountId(account),
        scope=scope,
        owner="storage team",
        reason="hardware monitoring",
        valid_until=datetime(2099, 1, 1, tzinfo=UTC),
        rate_per_host=Rate(10, 60),
        readiness=ReadinessMode.REQUIRE,
        digest=f"digest of {name} {template} {account} {' '.join(scope)}",
    )


def policy(*grants: Grant, privileges: frozenset[str] = frozenset({CIM})) -> Policy:
    vcenters = {
        VcenterId(name): Vcenter(VcenterId(name), f"{name}.example.com", 443, Path("ca.pem"), 8, 5.0, 10.0, 9)
        for name in ("prod", "test")
    }
    accounts = {
        AccountId(name): Account(
            AccountId(name), VcenterId(vcenter), user, SecretVariable("NONE"), frozenset(), frozenset()
        )
        for name, vcenter, user in (
            ("reader", "prod", "cim-reader@vsphere.local"),
            ("test-reader", "test", "cim-reader@vsphere.local"),
            ("ghost", "prod", "nobody@vsphere.local"),
        )
    }
    templates = {
        TemplateId(name): template_of(name, held, f"revision of {sorted(held)}")
        for name, held in (
            ("cim-ticket", privileges),
            ("cim-config", frozenset({CIM, CONFIG})),
            ("future", frozenset({CIM, "Host.Future.Thing"})),
        )
    }
    app = App(AppId("nagios"), "", "owner", frozenset({Scope.TICKETS}), (), Rate(100, 60))
    return Policy("revision-1", vcenters, accounts, {app.id: app}, templates, {g.id: g for g in grants})
