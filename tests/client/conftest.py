from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broker.client.api import BrokerClient
from broker.client.tokens import SecretCredential
from broker.model.secret import Secret
from tests.client.answers import as_json
from tests.client.monitoring import Host, LoggedBroker
from tests.support.certificates import TestCertificate, self_signed
from tests.support.clock import HandClock
from tests.support.https import HttpsServer, Reply, Seen, https_server


@dataclass
class Broker:
    """What the stand-in of a broker answers: by path, the token endpoint with a token of 300 s."""

    answers: dict[str, Reply | None] = field(default_factory=dict)
    tokens: int = 0
    slow: Callable[[Seen], Reply | None] | None = None

    def __call__(self, seen: Seen) -> Reply | None:
        if self.slow is not None:
            return self.slow(seen)
        path = seen.path.partition("?")[0]
        if path == "/oauth2/token" and path not in self.answers:
            self.tokens += 1
            return as_json(
                {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": 300}
            )
        return self.answers.get(path, as_json({}, 404))


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture(scope="session")
def certificate() -> TestCertificate:
    return self_signed("localhost")


@pytest.fixture
def server(tmp_path: Path, certificate: TestCertificate, broker: Broker) -> Iterator[HttpsServer]:
    with https_server(tmp_path, certificate, broker) as running:
        yield running


@pytest.fixture
def ca_file(tmp_path: Path, certificate: TestCertificate) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(certificate.pem)
    return path


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def client(server: HttpsServer, ca_file: Path, clock: HandClock) -> Iterator[BrokerClient]:
    credential = SecretCredential("monitoring", Secret("s3cr3t&+ canary"))
    with BrokerClient(server.url, ca_file, credential, clock) as made:
        yield made


@pytest.fixture
def host(tmp_path: Path, certificate: TestCertificate, ca_file: Path, clock: HandClock) -> Iterator[Host]:
    broker = LoggedBroker()
    with https_server(tmp_path, certificate, broker) as server:
        yield Host(tmp_path, ca_file, clock, broker, server)
