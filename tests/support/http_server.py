"""The HTTP room as a process: gunicorn over real TLS or a Unix socket, with the fakes behind it.

    python -m tests.support.http_server <plan.json>

The plan says where to listen and where to write what a test waits for.
"""

import http.client
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from broker.errors import LogUnavailable
from broker.logs import Form, log_to_stderr
from broker.model.issuance import Caller, NotAttempted
from broker.model.settings import ServerSettings, TlsListener, UnixListener
from broker.server.application import BrokerServer
from broker.server.arbiter import Farewell
from broker.server.life import Served
from broker.server.sockets import Deadlines
from broker.server.threads import FairThreads
from tests.support.authority import Authority
from tests.support.http_fakes import CLIENT_SECRET, HTTP_POLICY, NAGIOS, basic, make_desk, settings_for
from tests.support.issuing import World, crowd, name

ROOT = Path(__file__).resolve().parents[2]

_LINE = re.compile(r'^\{.*"logger": "broker.access".*\}$', re.MULTILINE)


@dataclass(frozen=True)
class Running:
    """A server process that answers."""

    pid: int
    address: Any
    anchor: Path
    folder: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.address[1]}"

    def connect(self) -> socket.socket:
        """A TCP or Unix connection, before any TLS."""
        if isinstance(self.address, str):
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(20)
            made.connect(self.address)
            return made
        return socket.create_connection(tuple(self.address[:2]), timeout=20)

    def tls(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.anchor))
        return context.wrap_socket(self.connect(), server_hostname="127.0.0.1")

    def http(self) -> http.client.HTTPConnection:
        """A client that keeps its connection."""
        made = http.client.HTTPConnection("127.0.0.1")
        made.sock = self.connect() if isinstance(self.address, str) else self.tls()
        return made

    def call(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        """One request on a connection of its own; `_` in a header's name means `-`."""
        client = self.http()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            client.request(method, path, body, named)
            answer = client.getresponse()
            return answer.status, answer.read().decode()
        finally:
            client.close()

    def token(self) -> str:
        """An access token of the app `nagios`."""
        form = urlencode({"grant_type": "client_credentials", "scope": "tickets"})
        status, text = self.call(
            "POST",
            "/oauth2/token",
            form,
            Content_Type="application/x-www-form-urlencoded",
            **basic(NAGIOS, CLIENT_SECRET),
        )
        assert status == 200, text
        return str(json.loads(text)["access_token"])

    def ticket(self) -> tuple[int, str]:
        """One ticket."""
        return self.call(
            "POST",
            "/v1/tickets",
            '{"host": "esx01.example.com"}',
            Content_Type="application/json",
            Authorization=f"Bearer {self.token()}",
        )

    def begin_batch(self, connection: socket.socket, hosts: int, concurrency: int = 4) -> None:
        """Ask for tickets of so many hosts of the crowd, and read nothing yet."""
        body = json.dumps({"hosts": [name(each) for each in range(hosts)], "concurrency": concurrency})
        head = (
            "POST /v1/tickets:batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token()}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall((head + body).encode())

    def leaf(self) -> bytes | None:
        """The certificate that is shown now, in DER."""
        with self.tls() as connection:
            return connection.getpeercert(binary_form=True)

    def workers(self) -> list[int]:
        """The processes that serve, the oldest first; those that have ended and await their parent too."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def await_all(self, workers: int) -> None:
        """Wait until so many have begun to serve."""
        served = re.compile(r"worker \d+ is built")
        wait_for(lambda: len(served.findall(self.log())) >= workers, "the workers")

    def of(self, event: str) -> list[int]:
        """The processes in which this happened, in order."""
        return [int(e.partition(":")[2]) for e in self.events() if e.partition(":")[0] == event]

    def events(self) -> list[str]:
        """What happened in the processes, in order."""
        with suppress(FileNotFoundError):
            return (self.folder / "events").read_text().split()
        return []

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def logged(self, raw: bytes) -> dict[str, Any]:
        """Send one request; give the facts of its line in the log, which follows the answer."""
        start = len(self.log())
        self.ask(raw)
        wait_for(lambda: _LINE.search(self.log(), start) is not None, "the request's line")
        found = _LINE.search(self.log(), start)
        assert found
        facts: dict[str, Any] = json.loads(found[0])
        return facts

    def ask(self, raw: bytes, connection: socket.socket | None = None) -> bytes:
        """Send bytes, read until the server closes."""
        with connection or (self.connect() if isinstance(self.address, str) else self.tls()) as made:
            made.sendall(raw)
            return read_all(made)


def read_all(connection: socket.socket) -> bytes:
    got = b""
    with suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            got += chunk
    return got


def wait_for(condition: Any, what: str, seconds: float = 20) -> None:
    """Poll until it holds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


@contextmanager
def server(
    folder: Path,
    *,
    unix: bool = False,
    workers: int = 1,
    threads: int = 4,
    fails: bool = False,
    holds: bool = False,
    passes: int = 0,
    hosts: int = 0,
    close_takes_s: float = 0,
    descriptors: int | None = None,
    farewell: Farewell = Farewell(),  # noqa: B008 - frozen
    deadlines: Deadlines = Deadlines(1.0, 1.5, 1.5),  # noqa: B008 - frozen
) -> Iterator[Running]:
    """A server process for the length of the block; SIGTERM ends it.

    Where it `holds`, the first so many ticket requests pass and each further one waits, its intent
    on record. With `hosts`, those of a crowd are there, and what becomes of a batch is noted.
    While the folder holds a file `broken`, rooms cannot be built; while it holds `unready`, they
    can issue nothing.
    """
    files = Authority(folder).server("broker")
    plan = {
        "folder": str(folder),
        "socket": str(folder / "broker.sock") if unix else None,
        "certificate": str(files.certificate),
        "key": str(files.key),
        "workers": workers,
        "threads": threads,
        "fails": fails,
        "holds": holds,
        "passes": passes,
        "hosts": hosts,
        "close_takes_s": close_takes_s,
        "descriptors": descriptors,
        "deadlines": [deadlines.handshake_s, deadlines.request_s, deadlines.write_s],
        "farewell": [farewell.requests_s, farewell.close_s],
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "tmp").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.http_server", str(folder / "plan.json")],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder / "tmp")},
            stdout=log,
            stderr=log,
        )
    try:
        address = folder / "address"
        wait_for(lambda: address.exists() or process.poll() is not None, "the server")
        if process.poll() is not None:
            raise AssertionError((folder / "log").read_text())
        running = Running(process.pid, json.loads(address.read_text()), folder / "ca.pem", folder)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(40)


def main(plan_file: str) -> None:
    log_to_stderr("info", Form.JSON)
    plan = json.loads(Path(plan_file).read_text())
    folder = Path(plan["folder"])

    def note(event: str) -> None:
        with (folder / "events").open("a") as file:
            file.write(f"{event}:{os.getpid()}\n")

    def build(threads: FairThreads) -> Served:
        note("build")
        if (folder / "broken").exists():
            raise LogUnavailable("as the test says")
        desk = make_desk(settings=settings, world=planned_world(plan, note), turns=threads)
        desk.access.without_room = threads.turns_away
        return Served(
            desk.app,
            lambda: setattr(desk.access, "leaves", True),
            close,
            lambda: not (folder / "unready").exists(),
            desk.tokens.holder,
        )

    def close() -> None:
        note("closing")
        time.sleep(plan["close_takes_s"])
        note("close")

    def hangup() -> None:
        note("hangup")
        if plan["fails"]:
            raise RuntimeError("as the test says")

    settings = _settings(plan)
    if plan["descriptors"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (plan["descriptors"], plan["descriptors"]))
    deadlines, farewell = Deadlines(*plan["deadlines"]), Farewell(*plan["farewell"])
    BrokerServer(settings, build, hangup, partial(_listening, folder), deadlines, farewell).run()


@dataclass
class PlannedWorld(World):
    """Holds requests back as the plan says, and notes what becomes of a batch."""

    plan: Mapping[str, Any] = field(default_factory=dict)
    note: Callable[[str], None] = print
    begun: Iterator[int] = field(default_factory=lambda: count(1))

    def begin(self) -> None:
        if self.plan["hosts"]:
            self.note("begun")
        if self.plan["holds"] and next(self.begun) > self.plan["passes"]:
            self.note("held")
            wait_for((Path(self.plan["folder"]) / "go").exists, "the test to let go")
            self.note("let-go")

    def leave(self, rest: NotAttempted, caller: Caller) -> None:
        super().leave(rest, caller)
        self.note(f"left-{len(rest.hosts)}-{rest.ended_by}")


def planned_world(plan: Mapping[str, Any], note: Callable[[str], None]) -> World:
    world = PlannedWorld(policy=HTTP_POLICY, plan=plan, note=note)
    world.after_intent = world.begin
    if plan["hosts"]:
        world.sightings = crowd(plan["hosts"]).sightings
    return world


def _listening(folder: Path, address: object) -> None:
    part = folder / "address.part"
    part.write_text(json.dumps(address))
    part.rename(folder / "address")


def _settings(plan: dict[str, Any]) -> ServerSettings:
    listener = (
        UnixListener(Path(plan["socket"]))
        if plan["socket"]
        else TlsListener("127.0.0.1", 0, Path(plan["certificate"]), Path(plan["key"]))
    )
    return replace(settings_for(listener), workers=plan["workers"], threads=plan["threads"])


if __name__ == "__main__":
    main(sys.argv[1])
