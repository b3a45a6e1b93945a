"""The whole lab in one process: a vCenter, ESXi CIM endpoints, and the socket that turns their knobs."""

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.lab.assembly import assemble
from broker.lab.authorization.model import PermissionModel
from broker.lab.authorization.seed import seed_administrators, seed_controller
from broker.lab.certificates import LabAuthority
from broker.lab.cim.endpoint import CimEndpoint
from broker.lab.cim.service import CimService
from broker.lab.control.channel import refuse_if_answered
from broker.lab.control.client import LabControl
from broker.lab.control.panel import Machinery, panel
from broker.lab.control.server import ControlServer
from broker.lab.files import own_directory, write_private
from broker.lab.listener import VCenterListener
from broker.lab.options import ACCOUNTS, ADMINISTRATOR, CONTROLLER, LabOptions
from broker.lab.tickets import Minted
from broker.lab.vcenter.vcenter import VCenter, VCenterOptions
from broker.lab.world.inventory import Inventory, Size
from broker.lab.world.users import ADMINISTRATORS

__all__ = ["Lab", "LabOptions"]


_CONTROL = "control.sock"


class Lab:
    """A running lab; `with Lab.start(options) as lab:` ends it.

    `vcenter_host` and `vcenter_port` are verified against `ca_file`; `control` turns the knobs over
    `control_socket`. Everything runs in threads of this process.
    """

    vcenter_host = "localhost"

    def __init__(self, options: LabOptions, parts: "_Parts", closing: ExitStack) -> None:
        """Use `start`."""
        self._options = options
        self._closing = closing
        self.vcenter_port = parts.listener.port
        self.ca_file = parts.authority.ca_file
        self._tickets = parts.machinery.tickets
        self.control_socket = options.state_dir / _CONTROL
        self.control = LabControl(self.control_socket)

    @classmethod
    def start(cls, options: LabOptions) -> Self:
        """Build the lab and open its ports. Raises LabError, OSError."""
        own_directory(options.state_dir)
        refuse_if_answered(options.state_dir / _CONTROL)  # its CA and passwords lie here
        with ExitStack() as closing:
            parts = _Parts.made(options)
            closing.callback(parts.cim.stop)
            parts.cim.start()
            parts.listen_for_cim(options.cim_hosts)
            closing.callback(parts.listener.stop)
            closing.callback(parts.vcenter.close)
            parts.listener.start()
            control = ControlServer(options.state_dir / _CONTROL, panel(parts.machinery))
            closing.callback(control.stop)
            control.start()
            return cls(options, parts, closing.pop_all())

    def when_minted(self, tell: Callable[[Minted], None]) -> None:
        """`tell` is called with each CIM ticket before anybody has it."""
        self._tickets.when_minted(tell)

    def password_file(self, user: str) -> Path:
        """The 0600 file that holds the password of `svc-cim-a@vsphere.local`."""
        return _password_file(self._options.state_dir, user)

    def close(self) -> None:
        """End everything. May be called twice."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Parts:
    authority: LabAuthority
    cim: CimService
    listener: VCenterListener
    vcenter: VCenter
    machinery: Machinery

    @classmethod
    def made(cls, options: LabOptions) -> Self:
        assembly = assemble(
            options.state_dir / "certificates",
            Size(options.hosts, options.clusters, options.standalone),
            _passwords(options.state_dir),
            VCenterOptions(api_version=options.api_version, limits=options.limits),
        )
        listener, cim = assembly.listener(), CimService()
        _seed(assembly.model, assembly.world.inventory, options)
        machinery = Machinery(
            clock=assembly.clock,
            world=assembly.world,
            users=assembly.users,
            sessions=assembly.sessions,
            tickets=assembly.tickets,
            authority=assembly.authority,
            certificates=assembly.certificates,
            cim=cim,
            knobs=assembly.knobs,
            listener=listener,
        )
        return cls(assembly.authority, cim, listener, assembly.vcenter, machinery)

    def listen_for_cim(self, hosts: int) -> None:
        """Open the endpoints of the first hosts."""
        for host in self.machinery.world.inventory.hosts()[:hosts]:
            certificate = self.machinery.certificates.of(host.name, host.address)
            host.cim_port = self.cim.listen(
                CimEndpoint(host, self.machinery.tickets.is_live), certificate.file
            )


def _seed(model: PermissionModel, inventory: Inventory, options: LabOptions) -> None:
    root = inventory.root()
    datacenters = [moid for moid in inventory.children(root) if inventory.type_name(moid) == "Datacenter"]
    seed_administrators(model, root, ADMINISTRATORS)
    seed_controller(model, root, datacenters, CONTROLLER, options.controller_privileges)


def _passwords(directory: Path) -> dict[str, str]:
    """A new password for every user, each in a file of its own."""
    made = {}
    for user in (ADMINISTRATOR, CONTROLLER, *ACCOUNTS):
        password = secrets.token_urlsafe(24)
        write_private(_password_file(directory, user), password.encode())
        made[user.partition("@")[0]] = password
    return made


def _password_file(directory: Path, user: str) -> Path:
    return directory / f"{user.partition('@')[0]}.password"
