"""A simulated vCenter on a free port of loopback, with its real permission model, for tests of its wire."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from broker.lab.assembly import assemble
from broker.lab.authorization.model import PermissionModel
from broker.lab.authorization.permissions import Permission
from broker.lab.authorization.seed import seed_administrators
from broker.lab.certificates import HostCertificates, LabAuthority
from broker.lab.clock import LabClock
from broker.lab.control.knobs import Knobs
from broker.lab.listener import VCenterListener
from broker.lab.options import VCENTER_NAME
from broker.lab.soap.calls import CallLog
from broker.lab.tickets import CimTickets
from broker.lab.vcenter.sessions import SessionLimits, SessionTable
from broker.lab.vcenter.vcenter import VCenterOptions
from broker.lab.world.events import EventLog
from broker.lab.world.inventory import ROOT, Size
from broker.lab.world.users import ADMINISTRATORS, Users
from broker.lab.world.world import World

PASSWORDS = {
    "administrator": "admin-secret",
    "broker-controller": "controller-secret",
    "svc-cim-a": "a-secret",
    "svc-cim-b": "b-secret",
}


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
    authority: LabAuthority
    listener: VCenterListener
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
    size = size or Size(hosts=10, clusters=2, standalone=2)
    assembly = assemble(directory / "certificates", size, PASSWORDS, options or VCenterOptions())
    listener = assembly.listener()
    seed_administrators(assembly.model, ROOT, ADMINISTRATORS)
    listener.start()
    lab = LabVCenter(
        port=listener.port,
        ca_file=assembly.authority.ca_file,
        clock=assembly.clock,
        world=assembly.world,
        events=assembly.events,
        sessions=assembly.sessions,
        users=assembly.users,
        model=assembly.model,
        knobs=assembly.knobs,
        tickets=assembly.tickets,
        hosts=assembly.certificates,
        authority=assembly.authority,
        listener=listener,
        heard=assembly.vcenter.heard,
    )
    try:
        yield lab
    finally:
        lab.disconnect()
        assembly.vcenter.close()
        listener.stop()


__all__ = ["PASSWORDS", "VCENTER_NAME", "LabVCenter", "SessionLimits", "Size", "lab_vcenter"]
