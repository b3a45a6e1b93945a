"""How large a lab is and where it lives."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from broker.lab.errors import LabError
from broker.lab.vcenter.sessions import SessionLimits

VCENTER_NAME = "vcenter.lab.example"

ADMINISTRATOR = "administrator@vsphere.local"
CONTROLLER = "broker-controller@vsphere.local"
ACCOUNTS = ("svc-cim-a@vsphere.local", "svc-cim-b@vsphere.local")


@dataclass(frozen=True, slots=True)
class LabOptions:
    """A lab of `hosts` hosts, `standalone` of them in no cluster; the first `cim_hosts` answer CIM-XML.

    `state_dir` is the lab's own: CA, passwords (`<name>.password`, mode 0600), control socket.
    `controller_privileges` are what the user `broker-controller` may put into roles and hand on.
    """

    state_dir: Path
    hosts: int = 50
    clusters: int = 5
    standalone: int = 2
    cim_hosts: int = 50
    session_idle: timedelta = timedelta(minutes=30)
    most_sessions: int = 3000
    api_version: str = "8.0.3.0"
    controller_privileges: frozenset[str] = field(default=frozenset({"Host.Cim.CimInteraction"}))

    def __post_init__(self) -> None:
        """Raises LabError for sizes that make no inventory."""
        if min(self.hosts, self.clusters, self.standalone, self.cim_hosts) < 0:
            raise LabError("sizes of a lab are not negative")
        if self.standalone > self.hosts:
            raise LabError("more stand-alone hosts than hosts")
        if self.hosts > _MOST_HOSTS:
            raise LabError(f"a lab has at most {_MOST_HOSTS} hosts")

    @property
    def limits(self) -> SessionLimits:
        """When sessions end and how many there may be."""
        return SessionLimits(self.session_idle, self.most_sessions)


_MOST_HOSTS = 250 * 250
"""Each has an address of its own in 127.64.0.0/16."""
