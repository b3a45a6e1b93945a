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

TICKET_CALL = "AcquireCimServicesTicket"
TICKET_CALL_S = 0.020
ANY_CALL_S = 0.005


@dataclass(frozen=True, slots=True)
class RunningLab:
    """One vCenter with its low-privilege account and the names and moids of its hosts."""

    id: str
    pid: int
    port: int
    ca_file: Path
    account_password: Path
    controller_password: Path
    hosts: tuple[tuple[str, str], ...]

    def target(self, name: str, moid: str) -> "Target":
        """One of its hosts."""
        return Target(self.id, name, moid)


@dataclass(frozen=True, slots=True)
class Target:
    """A host to take tickets for."""

    vcenter: str
    name: str
    moid: str


@contextmanager
def running_labs(root: Path, number: int, hosts: int) -> Iterator[tuple[RunningLab, ...]]:
    """So many vCenters with `hosts` hosts together; all end with the block."""
    children = Children(root)
    try:
        sizes = [hosts // number + (each < hosts % number) for each in range(number)]
        yield tuple(_started(root, children, f"lab-{each}", size) for each, size in enumerate(sizes))
    finally:
        children.close()


def _started(root: Path, children: Children, name: str, hosts: int) -> RunningLab:
    size = ("--hosts", str(hosts), "--clusters", "5", "--standalone", "0", "--cim-hosts", "0")
    process = children.start(name, "lab", "--state-dir", str(root / f"{name}.state"), *size)
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
    passwords = told["password_files"]
    return RunningLab(
        id=name,
        pid=process.pid,
        port=told["port"],
        ca_file=Path(told["ca_file"]),
        account_password=Path(passwords[ACCOUNT_USER]),
        controller_password=Path(passwords[CONTROLLER_USER]),
        hosts=tuple((host["name"], host["moid"]) for host in control.hosts()),
    )
