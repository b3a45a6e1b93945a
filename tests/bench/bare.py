"""The bare side: pyVmomi alone, sessions and connections pooled, in a process of its own.

`python -m tests.bench.bare` reads one JSON object a line: first the vCenters, then what to measure. It
answers `ready` when every thread is logged in and warm, and the result once it was told `go`. It
verifies TLS as the broker does, asks for the same hosts as the same account, and lets pyVmomi do the rest.
"""

import json
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from broker.vsphere.connection import API_VERSION

Remote = Any
_IDLE_S = 60


class Pool:
    """One logged-in session with each vCenter, and so many connections."""

    def __init__(self, vcenters: Sequence[Mapping[str, Any]], connections: int) -> None:
        self._stubs = {each["id"]: _logged_in(each, connections) for each in vcenters}

    def take(self, vcenter: str, moid: str) -> None:
        """One ticket."""
        ticket: Remote = vim.HostSystem(moid, self._stubs[vcenter]).AcquireCimServicesTicket()
        if not ticket.sessionId:
            raise RuntimeError("an answer without a ticket")


def _logged_in(vcenter: Mapping[str, Any], connections: int) -> SoapStubAdapter:
    stub = SoapStubAdapter(
        host="localhost",
        port=vcenter["port"],
        version=API_VERSION,
        sslContext=ssl.create_default_context(cafile=vcenter["ca_file"]),
        poolSize=connections,
        connectionPoolTimeout=_IDLE_S,
        acceptCompressedResponses=False,
    )
    content: Remote = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
    password = Path(vcenter["password_file"]).read_text()
    content.sessionManager.Login(vcenter["user"], password, None)
    return stub


class Loop:
    """Threads that each take one ticket after the other until the time is up."""

    def __init__(self, pool: Pool, targets: Sequence[tuple[str, str]], threads: int, seconds: float) -> None:
        self._pool = pool
        self._targets = targets
        self._threads = threads
        self._seconds = seconds
        self._warm = threading.Barrier(threads + 1)
        self._start = threading.Barrier(threads + 1)
        self._taken: list[list[float]] = [[] for _ in range(threads)]
        self._until = 0.0

    def warm(self) -> list[threading.Thread]:
        """Start the threads; returns when each has taken a ticket."""
        running = [threading.Thread(target=self._run, args=(each,)) for each in range(self._threads)]
        for thread in running:
            thread.start()
        self._warm.wait()
        return running

    def measure(self, running: Sequence[threading.Thread]) -> dict[str, Any]:
        """Let them go; gives the tickets' number and a histogram in microseconds."""
        cpu, start = process_time(), perf_counter()
        self._until = start + self._seconds
        self._start.wait()
        for thread in running:
            thread.join()
        seconds = perf_counter() - start
        taken = Counter(round(each * 1e6) for thread in self._taken for each in thread)
        return {
            "seconds": seconds,
            "cpu": process_time() - cpu,
            "tickets": taken.total(),
            "latency": list(taken.items()),
        }

    def _run(self, number: int) -> None:
        turn = number
        self._pool.take(*self._targets[turn % len(self._targets)])
        self._warm.wait()
        self._start.wait()
        taken = self._taken[number]
        while (asked_at := perf_counter()) < self._until:
            turn += self._threads
            self._pool.take(*self._targets[turn % len(self._targets)])
            taken.append(perf_counter() - asked_at)


def _say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve the bench until it closes our standard input."""
    vcenters = json.loads(sys.stdin.readline())
    pools: dict[int, Pool] = {}
    for line in sys.stdin:
        order = json.loads(line)
        threads = order["concurrency"]
        if threads not in pools:
            pools[threads] = Pool(vcenters, threads)
        loop = Loop(pools[threads], order["targets"], threads, order["seconds"])
        running = loop.warm()
        _say("ready")
        sys.stdin.readline()
        _say(loop.measure(running))


if __name__ == "__main__":
    main()
