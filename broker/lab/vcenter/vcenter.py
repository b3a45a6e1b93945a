"""The simulated vCenter, put together."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pyVmomi import vim

from broker.lab.soap.call import ManagedObject
from broker.lab.soap.calls import CallLog
from broker.lab.soap.dispatcher import Dispatcher, Knobs
from broker.lab.soap.documents import documents
from broker.lab.soap.gate import Gate, Permissions
from broker.lab.soap.registry import Registry
from broker.lab.soap.versions import spoken_up_to
from broker.lab.vcenter.entities import Surroundings, entity_object
from broker.lab.vcenter.event_manager import EventManager, Reading
from broker.lab.vcenter.host_system import HostServices, Tickets, host_objects
from broker.lab.vcenter.option_manager import OptionManager
from broker.lab.vcenter.properties import PropertyReader
from broker.lab.vcenter.property_collector import PropertyCollector
from broker.lab.vcenter.search_index import SearchIndex
from broker.lab.vcenter.selection import Selector
from broker.lab.vcenter.service_instance import Product, ServiceInstance
from broker.lab.vcenter.session_manager import SessionManager
from broker.lab.vcenter.sessions import SessionLimits, SessionTable
from broker.lab.vcenter.user_directory import UserDirectory
from broker.lab.vcenter.views import ViewManager
from broker.lab.vcenter.waiting import Workshop
from broker.lab.world.events import EventLog
from broker.lab.world.lockout import Lockout
from broker.lab.world.users import Users
from broker.lab.world.values import VimValue
from broker.lab.world.world import World


class LabTime(Protocol):
    """The lab's clock."""

    def now(self) -> datetime:
        """The lab's time, aware, in UTC."""
        ...


class AuthorizationManager(ManagedObject, Protocol):
    """The managed object `AuthorizationManager`."""

    def RetrieveEntityPermissions(
        self, call: VimValue, *, entity: VimValue, inherited: bool
    ) -> list[VimValue]:
        """Permissions defined on the entity."""
        ...


@dataclass(frozen=True, slots=True)
class VCenterOptions:
    """Which vCenter: its uuid, its release, the newest API version that it speaks, its session limits."""

    product: Product = field(default_factory=lambda: Product(str(uuid.uuid4())))
    api_version: str = "8.0.3.0"
    limits: SessionLimits = field(default_factory=SessionLimits)


@dataclass(frozen=True, slots=True)
class VCenterParts:
    """What the vCenter is built from and shares with the rest of the lab."""

    world: World
    clock: LabTime
    users: Users
    events: EventLog
    sessions: SessionTable
    model: Permissions
    authorization: AuthorizationManager
    knobs: Knobs
    tickets: Tickets
    certificate_pem: Callable[[str], str]


class VCenter:
    """Every managed object, the dispatcher before them, and what was `heard`; `close` ends waiting calls."""

    def __init__(self, parts: VCenterParts, options: VCenterOptions) -> None:
        spoken = spoken_up_to(options.api_version)
        self.documents = documents(spoken)
        self._parts = parts
        self._registry = Registry()
        self._gate = Gate(parts.model, parts.world.inventory)
        self._reader = PropertyReader(self._gate)
        self._registry.add(self._entities())
        self._registry.add(self._managers(options, spoken))
        self._follow()
        self.heard = CallLog()
        self.dispatcher = Dispatcher(
            self._registry, parts.sessions, self._gate, self._reader, parts.knobs, self.heard, spoken
        )

    def close(self) -> None:
        """Let waiting calls end."""
        self._parts.world.changes.close()

    def _entities(self) -> list[ManagedObject]:
        parts, inventory = self._parts, self._parts.world.inventory
        around = Surroundings(inventory, self._gate, parts.authorization)
        services = HostServices(parts.clock, parts.tickets, parts.certificate_pem)
        made: list[ManagedObject] = [
            entity_object(each, around) for each in inventory.entities() if each.type_name != "HostSystem"
        ]
        for host in inventory.hosts():
            made.extend(host_objects(host, around, services))
        return made

    def _managers(self, options: VCenterOptions, spoken: tuple[str, ...]) -> list[ManagedObject]:
        parts, registry = self._parts, self._registry
        around = Surroundings(parts.world.inventory, self._gate, parts.authorization)
        self._collector = PropertyCollector(
            "propertyCollector",
            Workshop(
                registry, parts.sessions, parts.world.changes, Selector(registry, self._reader), self._reader
            ),
        )
        self._event_manager = EventManager(Reading(parts.events, parts.world.inventory, self._gate), registry)
        return [
            ServiceInstance(parts.clock, options.product, spoken[0]),
            SessionManager(parts.sessions, parts.users, Lockout(parts.clock), parts.model, parts.events),
            parts.authorization,
            self._collector,
            ViewManager(around, registry),
            SearchIndex(around),
            self._event_manager,
            OptionManager(_settings(options)),
            UserDirectory(parts.users),
        ]

    def _follow(self) -> None:
        """What one part does, the others hear of."""
        parts = self._parts
        parts.sessions.when_ended(self._registry.forget_session)
        parts.sessions.when_ended(self._collector.forget)
        parts.events.watch(self._heard)

    def _heard(self, event: VimValue) -> None:
        changes = self._parts.world.changes
        changes.note("EventManager", "latestEvent")
        for collector in self._event_manager.posted(event):
            changes.note(collector, "latestPage")
        if isinstance(event, vim.event.SessionEvent):
            changes.note("SessionManager", "sessionList")


def _settings(options: VCenterOptions) -> dict[str, VimValue]:
    minutes = int(options.limits.idle.total_seconds() // 60)
    return {
        "VirtualCenter.InstanceName": "vcenter.lab.example",
        "VirtualCenter.FQDN": "vcenter.lab.example",
        "config.vmacore.soap.sessionTimeout": str(minutes),
        "config.vpxd.event.syslog.enabled": "true",
        "event.maxAge": 30,
    }
