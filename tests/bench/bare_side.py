"""The bench's end of the line to the bare client's process."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.demo.files import ACCOUNT_USER
from tests.bench.cpu import Stopwatch, machine_cores
from tests.bench.labs import RunningLab, Target
from tests.bench.measurement import Latency, Measurement

ROOT = Path(__file__).resolve().parents[2]


class BareSide:
    """A process that takes tickets with pyVmomi alone; `module` says which of them."""

    def __init__(self, side: str, process: "subprocess.Popen[str]", labs: Sequence[RunningLab]) -> None:
        self.side = side
        self._process = process
        self._labs = labs
        self._targets: list[tuple[str, str]] = []
        self._send([_vcenter(lab) for lab in labs])

    def ask_for(self, targets: Sequence[Target]) -> None:
        """The hosts of the measurements that follow."""
        self._targets = [(target.vcenter, target.moid) for target in targets]

    def measure(self, concurrency: int, seconds: int) -> Measurement:
        """Tickets as fast as they come in so many threads."""
        self._send({"concurrency": concurrency, "seconds": seconds, "targets": self._targets})
        self._answer()
        watch = Stopwatch([lab.pid for lab in self._labs])
        self._send("go")
        told = self._answer()
        _, labs = watch.read()
        return Measurement(
            side=self.side,
            concurrency=concurrency,
            tickets=told["tickets"],
            failed=0,
            seconds=told["seconds"],
            latency=Latency.of_histogram({int(value): int(count) for value, count in told["latency"]}),
            labs=tuple(labs),
            load=told["cpu"],
            broker=0.0,
            cores=machine_cores(),
        )

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.side} client ended; its standard error says why")
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
def bare_client(side: str, module: str, labs: Sequence[RunningLab]) -> Iterator[BareSide]:
    """The process of `module`; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield BareSide(side, process, labs)
    finally:
        process.terminate()
        process.communicate(timeout=20)
