"""`broker serve` as a process, and tickets asked of it by wrk."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import requests

from broker.client.anchor import AnchoredAdapter, anchored_context
from broker.client.tokens import KeyCredential
from broker.clock import SystemClock
from broker.demo.files import APP, Site
from broker.demo.processes import Children, wait_for
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from tests.bench.cpu import Stopwatch, machine_cores, tree
from tests.bench.histogram import as_measured
from tests.bench.labs import RunningLab, Target
from tests.bench.measurement import Latency, Measurement
from tests.bench.site import Serving, set_serving
from tests.support.tools import require_tool

SCRIPT = Path(__file__).with_name("tickets.lua")
LONGEST_ANSWER = "20s"


class BrokerSide:
    """The running broker and the load that is put on it."""

    side = "broker"

    def __init__(self, site: Site, labs: Sequence[RunningLab], pid: int) -> None:
        self._site = site
        self._labs = labs
        self.pid = pid
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("https://", AnchoredAdapter(anchored_context(cafile=str(site.broker_ca))))
        self._place = site.root / "load"
        self._place.mkdir(mode=0o700, exist_ok=True)

    def workers(self) -> list[int]:
        """The processes below the arbiter."""
        return tree(self.pid)[1:]

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            return self._session.get(f"{self._site.url}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False

    def access_token(self) -> str:
        """A new one for tickets; the broker's certificate is verified."""
        credential = KeyCredential(APP, read_secret(SecretFile(self._site.app_key)), "demo-1")
        form = {"grant_type": "client_credentials", "scope": "tickets"}
        form |= credential.prove(self._site.url, SystemClock()).form
        answer = self._session.post(f"{self._site.url}/oauth2/token", data=form, timeout=20)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def ask_for(self, targets: Sequence[Target]) -> None:
        """The hosts of the measurements that follow; the vCenter is named where there are several."""
        named = len(self._labs) > 1
        bodies = (
            {"host": target.name, **({"vcenter": target.vcenter} if named else {})} for target in targets
        )
        (self._place / "bodies").write_text("".join(json.dumps(body) + "\n" for body in bodies))

    def measure(self, concurrency: int, seconds: int) -> Measurement:
        """Tickets as fast as they come on so many connections.

        The token is a new one each time: it lives five minutes. wrk verifies no certificate; what it
        is given is worth nothing beyond this run.
        """
        token = self._place / "token"
        token.touch(mode=0o600)
        token.write_text(self.access_token())
        watch = Stopwatch([self.pid, *(lab.pid for lab in self._labs)])
        load_before = _load_seconds()
        told = self._wrk(concurrency, seconds)
        _, (broker, *labs) = watch.read()
        return Measurement(
            side=self.side,
            concurrency=concurrency,
            tickets=told["issued"],
            failed=told["refused"] + told["unexpected"] + told["broken"],
            seconds=told["duration_us"] / 1e6,
            latency=Latency.of_histogram(_measured(told, concurrency)),
            labs=tuple(labs),
            load=_load_seconds() - load_before,
            broker=broker,
            cores=machine_cores(),
        )

    def _wrk(self, concurrency: int, seconds: int) -> dict[str, Any]:
        told = subprocess.run(
            [
                str(require_tool("wrk")),
                *("--threads", "1", "--connections", str(concurrency), "--duration", f"{seconds}s"),
                *("--timeout", LONGEST_ANSWER, "--script", str(SCRIPT), f"{self._site.url}/v1/tickets"),
                *("--", str(self._place)),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        document: dict[str, Any] = json.loads(told.splitlines()[-1])
        return document


def _measured(told: dict[str, Any], concurrency: int) -> dict[int, int]:
    corrected = {int(value): int(count) for value, count in told["latency"]}
    each = told["requests"] // concurrency
    return as_measured(corrected, told["duration_us"] // each) if each else corrected


def _load_seconds() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def serving_broker(site: Site, labs: Sequence[RunningLab], serving: Serving) -> Iterator[BrokerSide]:
    """`broker serve` with these settings, ready; it ends with the block."""
    set_serving(site, serving)
    children = Children(site.root)
    try:
        process = children.start("serve", "serve", "--config", str(site.config), "--log-level", "warning")
        side = BrokerSide(site, labs, process.pid)
        wait_for("the broker", children, "serve", process, side.ready)
        yield side
    finally:
        children.close()
