"""A vCenter and all that stands behind it, put together and not yet listening."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from broker.lab.authorization.catalogue import Catalogue
from broker.lab.authorization.manager import AuthorizationManager
from broker.lab.authorization.model import PermissionModel
from broker.lab.certificates import HostCertificates, LabAuthority
from broker.lab.clock import LabClock
from broker.lab.control.knobs import Knobs
from broker.lab.listener import VCenterListener
from broker.lab.options import VCENTER_NAME
from broker.lab.tickets import CimTickets
from broker.lab.vcenter.references import References
from broker.lab.vcenter.sessions import SessionTable
from broker.lab.vcenter.vcenter import VCenter, VCenterOptions, VCenterParts
from broker.lab.world.changes import Changes
from broker.lab.world.events import EventLog
from broker.lab.world.inventory import Inventory, Size, build
from broker.lab.world.users import Users
from broker.lab.world.values import VimValue
from broker.lab.world.world import World


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts, the vCenter that is made of them, and the authority that vouches for it."""

    clock: LabClock
    world: World
    events: EventLog
    users: Users
    sessions: SessionTable
    model: PermissionModel
    knobs: Knobs
    tickets: CimTickets
    vcenter: VCenter
    authority: LabAuthority
    certificates: HostCertificates

    def listener(self) -> VCenterListener:
        """A port for the vCenter, with a certificate of its own; not started."""
        return VCenterListener(self.vcenter, self.authority.issue_vcenter(VCENTER_NAME).file)


def assemble(directory: Path, size: Size, passwords: Mapping[str, str], options: VCenterOptions) -> Assembly:
    """An inventory of this size in which nobody holds anything yet.

    `directory` gets the authority's files; `passwords` are those of vsphere.local, by name.
    """
    clock, knobs = LabClock(), Knobs()
    events = EventLog(clock)
    world = World(build(size), Changes())
    users = Users(dict(passwords))
    sessions = SessionTable(clock, events, options.limits)
    model = PermissionModel(world.inventory, Catalogue.shipped(), users)
    tickets = CimTickets(clock)
    authority = LabAuthority(directory, VCENTER_NAME, clock)
    certificates = HostCertificates(authority)
    parts = VCenterParts(
        world=world,
        clock=clock,
        users=users,
        events=events,
        sessions=sessions,
        model=model,
        authorization=AuthorizationManager(
            model,
            _Entities(world.inventory),
            lambda key: _user_of(sessions, key),
            events,
            world.changes,
            knobs.role_lag_s,
        ),
        knobs=knobs,
        tickets=tickets,
        certificate_pem=lambda name: certificates.of(name, world.host(name).address).pem,
    )
    vcenter = VCenter(parts, options)
    return Assembly(
        clock, world, events, users, sessions, model, knobs, tickets, vcenter, authority, certificates
    )


class _Entities:
    """What the AuthorizationManager asks the inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._references = References(inventory)

    def root(self) -> str:
        return self._inventory.root()

    def exists(self, moid: str) -> bool:
        return self._inventory.exists(moid)

    def name(self, moid: str) -> str:
        return self._inventory.name(moid)

    def reference(self, moid: str) -> VimValue:
        return self._references.to(moid)


def _user_of(sessions: SessionTable, key: str) -> str | None:
    found = sessions.find(key)
    return found.user if found else None
