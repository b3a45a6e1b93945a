"""govmomi's vCenter simulator, as a process of its own on loopback, over TLS.

    with running_vcsim(tmp_path, "broker", users=(ADMIN, MONITOR)) as simulator:
        simulator.port, simulator.anchor
        simulator.tell("tickets")

"stock" is the simulator as it comes; "broker" adds the ticket method and a vCenter's answers about
privileges (tests/vcsim/main.go).
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.support.authority import Authority
from tests.support.tools import require_tool

ADMINISTRATORS = r"VSPHERE.LOCAL\administrators"
"""The group that holds Admin on the root folder in "broker" mode."""


@dataclass(frozen=True)
class SimulatedUser:
    """Who may log in. In "stock" mode groups mean nothing: everyone is Admin."""

    name: str
    password: str
    groups: tuple[str, ...] = ()


ADMIN = SimulatedUser("administrator@vsphere.local", "Adm1n-of-the-simulator", (ADMINISTRATORS,))
MONITOR = SimulatedUser("cim-monitor@vsphere.local", "M0nitor-of-the-simulator", (r"VSPHERE.LOCAL\monitors",))


class Simulator:
    """A running simulator: where it listens, and the few things that the vSphere API cannot tell it."""

    host = "localhost"

    def __init__(self, process: subprocess.Popen[str], anchor: Path) -> None:
        self._process = process
        self.anchor = anchor
        self.port = 0

    def start(self, configuration: dict[str, Any]) -> None:
        """Hand over the configuration and wait for the address."""
        url = urlsplit(self._exchange(configuration)["url"])
        self.port = url.port or 0

    def tell(self, command: str, **details: str) -> Any:
        """Give a command: calls, tickets, password, connection, version. Raises on a refusal."""
        answer = self._exchange({"do": command, **details})
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["answer"]

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the simulator was started without pipes")
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def running_vcsim(
    folder: Path,
    mode: Literal["stock", "broker"],
    users: Sequence[SimulatedUser] = (ADMIN, MONITOR),
    **options: int | str,
) -> Iterator[Simulator]:
    """Start it, and end it with the block. Options: clusters, hosts_per_cluster, standalone_hosts,
    session_timeout (a Go duration)."""
    binary = require_tool("vcsim")
    authority = Authority(folder, "vcsim authority")
    files = authority.server("vcsim")
    configuration = {
        "mode": mode,
        "certificate": str(files.certificate),
        "key": str(files.key),
        "clusters": 1,
        "hosts_per_cluster": 3,
        "standalone_hosts": 1,
        "users": [asdict(user) for user in users],
        **options,
    }
    with (
        (folder / "vcsim.log").open("w") as log,
        subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        simulator = Simulator(process, authority.anchor)
        try:
            simulator.start(configuration)
            yield simulator
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=10)
