"""A simulated vCenter on a free port of loopback, with its real permission model, for tests of its wire."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from broker.lab.authorization.catalogue import ADMIN, Catalogue
from broker.lab.authorization.manager import AuthorizationManager
from broker.lab.authorization.model import PermissionModel
from broker.lab.authorization.permissions import Permission
from broker.lab.certificates import HostCertificates, LabAuthority
from broker.lab.clock import LabClock
from broker.lab.control.knobs import Knobs
from broker.lab.soap.calls import CallLog
from broker.lab.soap.server import SoapServer
from broker.lab.tickets import CimTickets
from broker.lab.vcenter.references import References
from broker.lab.vcenter.sessions import SessionLimits, SessionTable
from broker.lab.vcenter.vcenter import VCenter, VCenterOptions, VCenterParts
from broker.lab.world.changes import Changes
from broker.lab.world.events import EventLog
from broker.lab.world.inventory import ROOT, Inventory, Size, build
from broker.lab.world.users import ADMINISTRATORS, Users
from broker.lab.world.world import World

PASSWORDS = {
    "administrator": "admin-secret",
    "broker-controller": "controller-secret",
    "svc-cim-a": "a-secret",
    "svc-cim-b": "b-secret",
}
VCENTER_NAME = "vcenter.lab.example"


class _Entities:
    """What the AuthorizationManager asks the inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self.root = inventory.root
        self.exists = inventory.exists
        self.name = inventory.name
        self.reference = References(inventory).to


@dataclass(slots=True)
class LabVCenter:
    """The running vCenter and every part of it that a test may want to turn."""

    port: int
    ca_file: Path
    clock: LabClock
    world: World
    events: EventLog
    sessions: SessionTable
    users: Users
    model: PermissionModel
    knobs: Knobs
    tickets: CimTickets
    hosts: HostCertificates
    heard: CallLog
    stubs: list[SoapStubAdapter] = field(default_factory=list)

    def context(self) -> ssl.SSLContext:
        """TLS that trusts the lab's CA and checks the name."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def connect(self, version: str = "vim.version.v8_0_2_0") -> Any:
        """A ServiceInstance on a connection of its own, nobody logged in."""
        stub = SoapStubAdapter(
            "localhost", self.port, version=version, sslContext=self.context(), httpConnectionTimeout=20
        )
        self.stubs.append(stub)
        return vim.ServiceInstance("ServiceInstance", stub)

    def login(self, user: str = "administrator", version: str = "vim.version.v8_0_2_0") -> Any:
        """The ServiceContent as this user sees it."""
        content = self.connect(version).RetrieveContent()
        content.sessionManager.Login(f"{user}@vsphere.local", PASSWORDS[user])
        return content

    def grant(self, user: str, moid: str, privileges: list[str], *, propagate: bool = True) -> None:
        """Let the user hold these privileges there."""
        name = f"role-{len(self.model.roles())}"
        role = self.model.add_role(name, privileges)
        self.model.seed(
            Permission(moid, rf"VSPHERE.LOCAL\{user}", group=False, role_id=role.role_id, propagate=propagate)
        )
        self.world.changes.note_structure()

    def moid(self, path: str) -> str:
        """The moid at an inventory path: `DC1/host/cluster-01`."""
        moid: str | None = ROOT
        for name in path.split("/"):
            assert moid is not None
            moid = self.world.inventory.child_named(moid, name)
        assert moid is not None
        return moid

    def disconnect(self) -> None:
        """Close what tests left open."""
        for stub in self.stubs:
            stub.DropConnections()


@contextmanager
def lab_vcenter(
    directory: Path,
    size: Size | None = None,
    options: VCenterOptions | None = None,
) -> Iterator[LabVCenter]:
    """Runs until the block ends."""
    options = options or VCenterOptions()
    clock, knobs = LabClock(), Knobs()
    world = World(build(size or Size(hosts=10, clusters=2, standalone=2)), Changes())
    events = EventLog(clock)
    sessions = SessionTable(clock, events, options.limits)
    users = Users(PASSWORDS)
    model = PermissionModel(world.inventory, Catalogue.shipped(), users)
    model.seed(Permission(ROOT, ADMINISTRATORS, group=True, role_id=ADMIN, propagate=True))
    tickets = CimTickets(clock)
    authority = LabAuthority(directory / "certificates", VCENTER_NAME, clock)
    hosts = HostCertificates(authority)
    manager = AuthorizationManager(
        model,
        _Entities(world.inventory),
        lambda key: _user(sessions, key),
        events,
        world.changes,
        knobs.role_lag_s,
    )
    parts = VCenterParts(
        world=world,
        clock=clock,
        users=users,
        events=events,
        sessions=sessions,
        model=model,
        authorization=manager,
        knobs=knobs,
        tickets=tickets,
        certificate_pem=lambda name: hosts.of(name, world.host(name).address).pem,
    )
    vcenter = VCenter(parts, options)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.issue_vcenter(VCENTER_NAME).file)
    server = SoapServer(vcenter.dispatcher, tls, vcenter.documents)
    server.start()
    lab = LabVCenter(
        port=server.port,
        ca_file=authority.ca_file,
        clock=clock,
        world=world,
        events=events,
        sessions=sessions,
        users=users,
        model=model,
        knobs=knobs,
        tickets=tickets,
        hosts=hosts,
        heard=vcenter.heard,
    )
    try:
        yield lab
    finally:
        lab.disconnect()
        vcenter.close()
        server.stop()


def _user(sessions: SessionTable, key: str) -> str | None:
    found = sessions.find(key)
    return found.user if found else None


__all__ = ["PASSWORDS", "VCENTER_NAME", "LabVCenter", "SessionLimits", "Size", "lab_vcenter"]
