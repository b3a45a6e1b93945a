"""`broker serve` as a process, and what the bench asks of it."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import requests

from broker.client.anchor import AnchoredAdapter, anchored_context
from broker.client.tokens import KeyCredential
from broker.clock import SystemClock
from broker.demo.files import APP, Site
from broker.demo.processes import Children, wait_for
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from tests.bench.ground import Ground
from tests.bench.load import Load
from tests.bench.measurement import Measurement
from tests.bench.site import Serving, set_serving

KEY_ID = "demo-1"
VISITED_BY, VISITED_S = 32, 1.0


class BrokerSide:
    """The running broker and the load that is put on it. `processes` are those whose CPU is its cost."""

    side = "broker"

    def __init__(self, ground: Ground, processes: Sequence[int]) -> None:
        self._ground = ground
        self.processes = processes
        self._site = ground.site
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("https://", AnchoredAdapter(anchored_context(cafile=str(self._site.broker_ca))))
        place = self._site.root / "load"
        place.mkdir(mode=0o700, exist_ok=True)
        self._load = Load(self._site.url, place)
        self._load.ask_for(ground.targets)

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            return self._session.get(f"{self._site.url}/readyz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def measure(self, concurrency: int, seconds: float) -> Measurement:
        """Tickets as fast as they come on so many connections. A token lives long enough for one window."""
        token = self.access_token()
        return self._load.measure(token, concurrency, seconds, self._ground.lab_pids, self.processes)

    def visit(self) -> None:
        """Tickets for every host, so that the broker has all that it keeps of hosts."""
        left = list(self._ground.targets)
        while left:
            self._load.ask_for(left)
            del left[: self.measure(VISITED_BY, VISITED_S).answers.tickets]
        self._load.ask_for(self._ground.targets)

    def access_token(self) -> str:
        """A new one for tickets; the broker's certificate is verified."""
        form = {"grant_type": "client_credentials", "scope": "tickets"}
        form |= credential(self._site).prove(self._site.url, SystemClock()).form
        answer = self._session.post(f"{self._site.url}/oauth2/token", data=form, timeout=20)
        answer.raise_for_status()
        return str(answer.json()["access_token"])


def credential(site: Site) -> KeyCredential:
    """The app's."""
    return KeyCredential(APP, read_secret(SecretFile(site.app_key)), KEY_ID)


@contextmanager
def serving_broker(ground: Ground, serving: Serving) -> Iterator[BrokerSide]:
    """`broker serve` with these settings, warm: each worker has met every host; it ends with the block."""
    set_serving(ground.site, serving)
    children = Children(ground.site.root)
    try:
        process = start_serve(children, ground.site)
        helpers = [serving.redis.pid] if serving.redis else []
        side = BrokerSide(ground, [process.pid, *helpers])
        wait_for("the broker", children, "serve", process, side.ready)
        for _ in range(serving.workers):
            side.visit()
        yield side
    finally:
        children.close()


def start_serve(children: Children, site: Site) -> "subprocess.Popen[bytes]":
    """As an admin would, so with the log that it writes by default."""
    return children.start("serve", "serve", "--config", str(site.config))
