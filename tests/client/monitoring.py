"""A monitoring host and the broker that it asks, with a log that a test can tamper with."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from broker.client.api import BrokerClient
from broker.client.memory import LogMemory, memory_of
from broker.client.tokens import SecretCredential
from broker.client.witness import LOOK_EVERY, Witness
from broker.model.secret import Secret
from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.note import SignerKey, VerifierKey
from tests.client.answers import PROBLEM, TICKET, as_json
from tests.support.clock import HandClock
from tests.support.given_log import GivenLog, log_key
from tests.support.https import HttpsServer, Reply, Seen

FIRST, SECOND = log_key(1), log_key(2)
EPOCH = log_key(3, f"{FIRST.name}/e2")
CONSISTENCY = "/v1/audit/proofs/consistency"
KEYS = "/v1/audit/keys"


@dataclass
class LoggedBroker:
    """The stand-in of a broker that gives tickets, and shows the log that it is told to show."""

    log: GivenLog = field(default_factory=GivenLog)
    shown_keys: tuple[SignerKey, ...] = (FIRST, SECOND)
    refuses: dict[str, int] = field(default_factory=dict)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What happens while the next ticket is under way."""
    receipts: list[object] = field(default_factory=list)
    """What the next tickets come with in place of their own."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, seen: Seen) -> Reply | None:
        url = urlsplit(seen.path)
        if url.path in self.refuses:
            return as_json(PROBLEM, self.refuses[url.path])
        match url.path:
            case "/oauth2/token":
                return as_json({"access_token": "t", "token_type": "Bearer", "expires_in": 10_000_000})
            case "/v1/audit/keys":
                return as_json({"keys": [{"key": str(key.verifier)} for key in self.shown_keys]})
            case "/v1/audit/proofs/consistency":
                asked = parse_qs(url.query)
                return as_json(self.log.consistency(int(asked["old"][0]), int(asked["new"][0])))
            case "/v1/tickets:batch":
                return self._batch(json.loads(seen.body)["hosts"])
        return as_json(self._ticket(), 201)

    def _batch(self, hosts: list[str]) -> Reply:
        lines: list[object] = []
        for index, host in enumerate(hosts):
            lines.append({"index": index, "host": host, "ticket": self._ticket()})
        lines.append({"summary": {"not_attempted": 0}})
        return Reply(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def _ticket(self) -> dict[str, object]:
        if self.meanwhile:
            self.meanwhile.pop()()
        with self.turn:
            receipt = self.receipts.pop() if self.receipts else self.log.issue()
        return {**TICKET, "receipt": receipt}


@dataclass(frozen=True)
class Host:
    """A monitoring host, each of whose commands is a process of its own."""

    folder: Path
    ca_file: Path
    clock: HandClock
    broker: LoggedBroker
    server: HttpsServer

    @property
    def memory(self) -> LogMemory:
        return memory_of(self.folder / "state", self.server.url)

    def client(self, *keys: VerifierKey, every: timedelta = LOOK_EVERY) -> BrokerClient:
        witness = Witness(self.memory, self.clock, keys, self.folder / "receipts", every)
        credential = SecretCredential("monitoring", Secret("canary"))
        return BrokerClient(self.server.url, self.ca_file, credential, self.clock, witness=witness)

    def polls(self, *keys: VerifierKey, every: timedelta = LOOK_EVERY) -> None:
        """Ask for one ticket."""
        with self.client(*keys, every=every) as client:
            client.ticket("esx01")

    def looks(self, *keys: VerifierKey) -> None:
        """Ask for one ticket, and for the proof of consistency."""
        self.polls(*keys, every=timedelta())

    def asked(self, path: str) -> int:
        """How often that was asked for."""
        return sum(urlsplit(seen.path).path == path for seen in self.server.seen)

    def newest(self) -> int:
        """The size of the newest checkpoint that is kept."""
        return parsed_checkpoint((self.memory.folder / "checkpoint").read_text()).head.size

    def kept(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "receipts").iterdir())
