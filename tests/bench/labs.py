"""The vCenters: each a `broker lab` in a process of its own, slowed as the bench says."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.demo.files import ACCOUNT_USER, CONTROLLER_USER
from broker.demo.processes import Children, wait_for
from broker.lab.control.client import LabControl

ADMINISTRATOR = "administrator@vsphere.local"
TICKET_CALL = "AcquireCimServicesTicket"
TICKET_CALL_S = 0.020
ANY_CALL_S = 0.005


@dataclass(frozen=True, slots=True)
class RunningLab:
    """One vCenter with its low-privilege account, names and moids of its hosts, paths of its clusters."""

    id: str
    pid: int
    port: int
    ca_file: Path
    account_password: Path
    controller_password: Path
    administrator_password: Path
    control: Path
    hosts: tuple[tuple[str, str], ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A host to take tickets for."""

    vcenter: str
    name: str
    moid: str


@dataclass(frozen=True, slots=True)
class LabSize:
    """Hosts in all, and the clusters of each vCenter that they are in."""

    hosts: int
    clusters: int = 5

    def part(self, number: int, parts: int) -> "LabSize":
        """What one of several vCenters has of them."""
        return LabSize(self.hosts // parts + (number < self.hosts % parts), self.clusters)

    def options(self) -> tuple[str, ...]:
        """Of `broker lab`. No host answers CIM here: nobody uses the tickets."""
        size = ("--hosts", str(self.hosts), "--clusters", str(self.clusters))
        return (*size, "--standalone", "0", "--cim-hosts", "0")


@contextmanager
def running_labs(root: Path, number: int, size: LabSize) -> Iterator[tuple[RunningLab, ...]]:
    """So many vCenters that have the hosts together; all end with the block."""
    children = Children(root)
    try:
        yield tuple(
            _started(root, children, f"lab-{each}", size.part(each, number)) for each in range(number)
        )
    finally:
        children.close()


def _started(root: Path, children: Children, name: str, size: LabSize) -> RunningLab:
    process = children.start(name, "lab", "--state-dir", str(root / f"{name}.state"), *size.options())
    told: dict[str, Any] = {}

    def ready() -> bool:
        try:
            told.update(json.loads(children.output_of(name)))
        except json.JSONDecodeError:
            return False
        return True

    wait_for("the lab", children, name, process, ready)
    control = LabControl(Path(told["control_socket"]))
    control.set_latency("*", ANY_CALL_S)
    control.set_latency(TICKET_CALL, TICKET_CALL_S)
    passwords, hosts = told["password_files"], control.hosts()
    return RunningLab(
        id=name,
        pid=process.pid,
        port=told["port"],
        ca_file=Path(told["ca_file"]),
        account_password=Path(passwords[ACCOUNT_USER]),
        controller_password=Path(passwords[CONTROLLER_USER]),
        administrator_password=Path(passwords[ADMINISTRATOR]),
        control=Path(told["control_socket"]),
        hosts=tuple((host["name"], host["moid"]) for host in hosts),
        clusters=tuple(sorted({host["path"].rpartition("/")[0] for host in hosts})),
    )
