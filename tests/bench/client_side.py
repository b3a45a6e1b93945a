"""The bench's end of the line to the process of a client that knows no broker."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from broker.demo.files import ACCOUNT_USER
from tests.bench.cpu import Stopwatch
from tests.bench.labs import RunningLab, Target
from tests.bench.measurement import Answers, Measurement

ROOT = Path(__file__).resolve().parents[2]


class ClientSide:
    """A process that takes tickets straight from vCenter: `tests.bench.bare` or `tests.bench.script`."""

    def __init__(self, side: str, process: "subprocess.Popen[str]", labs: Sequence[RunningLab]) -> None:
        self.side = side
        self._process = process
        self._labs = labs
        self._hosts: list[tuple[str, str, str]] = []
        self._send([_vcenter(lab) for lab in labs])

    def ask_for(self, targets: Sequence[Target]) -> None:
        """The hosts of the measurements that follow."""
        self._hosts = [(target.vcenter, target.name, target.moid) for target in targets]

    def measure(self, concurrency: int, seconds: float) -> Measurement:
        """Tickets as fast as they come in so many threads."""
        self._send({"concurrency": concurrency, "seconds": seconds, "hosts": self._hosts})
        self._answer()
        watch = Stopwatch([lab.pid for lab in self._labs], load=[self._process.pid], broker=[])
        self._send("go")
        loops = self._answer()
        return Measurement(self.side, concurrency, Answers.of_loops(loops, failed=0), watch.read())

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException(f"the {self.side} client ended; what it said stands above")
        return json.loads(line)


def _vcenter(lab: RunningLab) -> dict[str, object]:
    return {
        "id": lab.id,
        "port": lab.port,
        "ca_file": str(lab.ca_file),
        "user": ACCOUNT_USER,
        "password_file": str(lab.account_password),
    }


@contextmanager
def running_client(side: str, labs: Sequence[RunningLab], targets: Sequence[Target]) -> Iterator[ClientSide]:
    """The process of the module of that name, which asks for these hosts; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.bench.{side}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        client = ClientSide(side, process, labs)
        client.ask_for(targets)
        yield client
    finally:
        process.terminate()
        process.communicate(timeout=20)
