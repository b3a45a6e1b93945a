"""Clients that take tickets straight from vCenter, each in a process of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from broker.demo.files import ACCOUNT_USER
from tests.bench.child import Child, running_child
from tests.bench.cpu import Stopwatch
from tests.bench.ground import Ground
from tests.bench.labs import RunningLab, Target
from tests.bench.measurement import Answers, Measurement


class ClientSide:
    """The running `tests.bench.bare` or `tests.bench.script`, and the hosts that it asks for."""

    def __init__(self, side: str, child: Child, ground: Ground, targets: Sequence[Target]) -> None:
        self._side = side
        self._child = child
        self._ground = ground
        self._hosts = [(target.vcenter, target.name, target.moid) for target in targets]
        child.send({"vcenters": [_vcenter(lab) for lab in ground.labs]})

    def measure(self, concurrency: int, seconds: float) -> Measurement:
        """Tickets as fast as they come in so many threads."""
        self._child.send({"concurrency": concurrency, "seconds": seconds, "hosts": self._hosts})
        self._child.answer()
        watch = Stopwatch(self._ground.lab_pids, load=[self._child.pid], broker=[])
        self._child.send("go")
        loops = self._child.answer()
        return Measurement(self._side, concurrency, Answers.of_loops(loops, failed=0), watch.read())


def _vcenter(lab: RunningLab) -> dict[str, object]:
    return {
        "id": lab.id,
        "port": lab.port,
        "ca_file": str(lab.ca_file),
        "user": ACCOUNT_USER,
        "password_file": str(lab.account_password),
    }


@contextmanager
def running_client(side: str, ground: Ground, targets: Sequence[Target]) -> Iterator[ClientSide]:
    """The module of that name, which asks for these hosts; it ends with the block."""
    with running_child(f"tests.bench.{side}") as child:
        yield ClientSide(side, child, ground, targets)
