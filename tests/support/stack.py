"""The whole product as processes: a lab in this one, `broker serve` and `broker controller` beside it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml
from click.testing import CliRunner

from broker.audit.reading import AuditReading
from broker.cli import main
from broker.client.api import BrokerClient
from broker.client.errors import BrokerRefused
from broker.client.memory import memory_of
from broker.client.tokens import KeyCredential
from broker.client.witness import Witness
from broker.clock import SystemClock
from broker.demo.files import ACCOUNT_USER, APP, CONTROLLER_USER, GRANT, LabPlace, Site, write_site
from broker.demo.processes import free_port
from broker.lab.process import Lab
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from broker.store.database import Database
from broker.tlog.note import verifier_key
from tests.support.deadline import eventually
from tests.support.lab import small_lab
from tests.support.log_keys import LOG_KEYS

ROOT = Path(__file__).resolve().parents[2]
BROKER = (sys.executable, "-m", "broker")
SCOPE = "/DC1/host/cluster-01"
HOST = "esx0001.lab.example"
OUTSIDE = "esx0003.lab.example"


class Stack:
    """Files, lab and processes of one site. Everything that a process says is in `said()`."""

    def __init__(self, root: Path, lab: Lab) -> None:
        self.lab = lab
        self.site = Site(root / "site", ROOT / "roles", free_port())
        self.site.root.mkdir(mode=0o700)
        self.store = self.site.root / "state" / "broker.db"
        place = LabPlace(
            port=lab.vcenter_port,
            ca_file=lab.ca_file,
            controller_password=lab.password_file(CONTROLLER_USER),
            account_password=lab.password_file(ACCOUNT_USER),
        )
        write_site(self.site, place, SCOPE, SystemClock().now())
        shutil.rmtree(self.site.log_keys)
        LOG_KEYS.write(self.site.log_keys)
        self.site.log_key.write_text("".join(f"{key}\n" for key in LOG_KEYS.verifiers()))
        self._lift_limits()
        self._running: list[subprocess.Popen[bytes]] = []

    def _lift_limits(self) -> None:
        """Tests that poll must not meet the budgets; those about budgets set their own."""
        self.edit("apps.yaml", lambda apps: apps["apps"][APP].update(rate=_plenty()))
        self.edit("grants.yaml", lambda grants: grants["grants"][GRANT].update(rate_per_host=_plenty()))
        self.edit(
            "server.yaml", lambda server: server.update(service_rate=_plenty(), recorded_refusals=_plenty())
        )

    def broker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, here: what its process would have to import is imported."""
        result = CliRunner().invoke(main, arguments, prog_name="broker")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        done = subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
        return self._noted(done, check=check)

    def process(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command to its end as an operator does, in a process of its own."""
        done = subprocess.run([*BROKER, *arguments], capture_output=True, text=True, check=False, timeout=60)
        return self._noted(done, check=check)

    def _noted(
        self, done: subprocess.CompletedProcess[str], *, check: bool
    ) -> subprocess.CompletedProcess[str]:
        with (self.site.root / "commands.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        assert not check or done.returncode == 0, done.stderr
        return done

    def config(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command on this site's policy, here."""
        return self.broker(*arguments, "--config", str(self.site.config), check=check)

    def apply(self) -> None:
        self.broker("roles", "apply", "--config", str(self.site.controller_file))

    def edit(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change one file of the policy, as an admin would."""
        path = self.site.config / name
        document = yaml.safe_load(path.read_text())
        change(document)
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def workers(self, count: int, redis_url: str) -> None:
        """Have so many workers, which count requests in that Redis."""
        secret = self.site.root / "redis.url"
        secret.write_text(redis_url)
        secret.chmod(0o600)
        self.edit("server.yaml", lambda server: server.update(workers=count, redis_url={"file": str(secret)}))

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None, program: Sequence[str] = BROKER
    ) -> subprocess.Popen[bytes]:
        """Start a command that stays; what it says goes to the site's logs."""
        with (self.site.root / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [*program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self._running.append(process)
        return process

    def serve(self, *arguments: str, program: Sequence[str] = BROKER) -> subprocess.Popen[bytes]:
        """Start `broker serve` and wait until it accepts connections."""
        process = self.start("serve", "--config", str(self.site.config), *arguments, program=program)
        until(lambda: self._answers(process), "broker serve")
        return process

    def _answers(self, process: "subprocess.Popen[bytes]") -> bool:
        assert process.poll() is None, (self.site.root / "serve.log").read_text()
        try:
            return self.get("/healthz").ok
        except requests.ConnectionError:
            return False

    def ready(self) -> None:
        """Wait until a ticket can be issued."""
        until(lambda: self.get("/readyz").ok, "readiness")

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(
                self.site.url + path, headers=headers, verify=str(self.site.broker_ca), timeout=10
            )

    def post(self, path: str, **sent: Any) -> requests.Response:
        """POST what `requests` may send: a form, JSON, headers."""
        with requests.Session() as session:
            session.trust_env = False
            return session.post(self.site.url + path, verify=str(self.site.broker_ca), timeout=20, **sent)

    def credential(self) -> KeyCredential:
        return KeyCredential(APP, read_secret(SecretFile(self.site.app_key)), "demo-1")

    def access_token(self, scope: str = "tickets") -> str:
        """A new one, of the app."""
        proven = self.credential().prove(self.site.url, SystemClock())
        form = {**proven.form, "grant_type": "client_credentials", "scope": scope}
        return str(self.post("/oauth2/token", data=form).json()["access_token"])

    def client(self) -> BrokerClient:
        """A monitoring host, which verifies every receipt and keeps it."""
        site = self.site
        keys = tuple(map(verifier_key, site.log_key.read_text().split()))
        witness = Witness(memory_of(site.log_state, site.url), SystemClock(), keys, site.receipts)
        return BrokerClient(site.url, site.broker_ca, self.credential(), witness=witness)

    def trust(self, key: str) -> None:
        """Hand a new public key of the log to the monitoring host, past the broker."""
        with self.site.log_key.open("a") as keys:
            keys.write(f"{key}\n")

    def as_app(self) -> tuple[str, ...]:
        """The options of a command that acts as that host."""
        site = self.site
        broker = ("--broker", site.url, "--ca", str(site.broker_ca), "--client-id", APP)
        log = ("--log-keys", str(site.log_key), "--log-state", str(site.log_state))
        return (*broker, *log, "--receipts", str(site.receipts))

    def refusal(self, host: str = HOST) -> BrokerRefused:
        """The refusal of one ticket request with a fresh token. Fails the test when there is none."""
        with self.client() as client:
            try:
                client.ticket(host)
            except BrokerRefused as refused:
                return refused
        raise AssertionError(f"a ticket for {host} was issued")

    def records(self) -> list[dict[str, Any]]:
        database = Database.open(self.store, SystemClock(), LOG_KEYS)
        try:
            return list(AuditReading(database).records())
        finally:
            database.close()

    def events(self) -> list[str]:
        return [record["event"] for record in self.records()]

    def said(self) -> str:
        """All that any process of this site wrote to its logs or its log of records."""
        logs = "".join(p.read_text(errors="replace") for p in sorted(self.site.root.glob("*.log")))
        return logs + json.dumps(self.records())

    def close(self) -> None:
        for process in reversed(self._running):
            end(process)


def end(process: "subprocess.Popen[bytes]", told: int = signal.SIGTERM) -> int:
    """Tell a process to end and give its exit code."""
    if process.poll() is None:
        process.send_signal(told)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def kill_all(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL a process and every child of it, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """The processes that `broker serve` has beside the one that was started."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def until(holds: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Wait for something that has no event to wait for; fails the test at the deadline."""
    assert eventually(holds, within_s, every_s=0.05), f"{what} did not come within {within_s} s"


def _plenty() -> dict[str, int]:
    return {"count": 100_000, "seconds": 60}


@contextmanager
def new_stack(root: Path, **lab_options: Any) -> Iterator[Stack]:
    """A lab and its files; nothing applied, nothing served."""
    with small_lab(root / "lab", **lab_options) as lab:
        stack = Stack(root, lab)
        try:
            yield stack
        finally:
            stack.close()


@contextmanager
def applied_stack(root: Path, **lab_options: Any) -> Iterator[Stack]:
    """Roles and permissions set and the app added; nothing served."""
    with new_stack(root, **lab_options) as stack:
        stack.apply()
        stack.config("apps", "add", APP)
        yield stack
