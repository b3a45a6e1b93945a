"""One CIM endpoint over TLS, with the clock, tickets and certificates behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.lab.certificates import HostCertificates, LabAuthority
from broker.lab.cim.endpoint import CimEndpoint
from broker.lab.cim.service import CimService
from broker.lab.clock import LabClock
from broker.lab.tickets import CimTickets
from tests.support.lab_esx import cim_client


@dataclass
class SmallHost:
    moid: str = "host-1"
    name: str = "esx0001.lab.example"
    address: str = "127.64.9.1"
    uuid: str = "4c4c4544-0001-1000-8000-000000000001"
    version: str = "8.0.3"
    wbem_running: bool = True


@dataclass
class Endpoint:
    """A listening host and what surrounds it."""

    host: SmallHost
    port: int
    ca: Path
    leaf: Path
    clock: LabClock
    tickets: CimTickets
    certificates: HostCertificates
    service: CimService

    @property
    def url(self) -> str:
        return f"https://{self.host.address}:{self.port}"

    def client(self, ticket: str | None = None) -> Any:
        return cim_client(self.url, ticket or self.tickets.issue(self.host.moid), self.leaf)


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    clock, host = LabClock(), SmallHost()
    tickets = CimTickets(clock)
    authority = LabAuthority(tmp_path, "vcenter.lab.example", clock)
    certificates = HostCertificates(authority)
    issued = certificates.of(host.name, host.address)
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(issued.pem)
    service = CimService()
    service.start()
    try:
        port = service.listen(CimEndpoint(host, tickets.is_live), issued.file)
        yield Endpoint(host, port, authority.ca_file, leaf, clock, tickets, certificates, service)
    finally:
        service.stop()
