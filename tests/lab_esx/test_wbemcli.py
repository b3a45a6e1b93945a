"""CIM-XML as Debian's wbemcli sees it: a client that shares no line with the endpoint."""

import subprocess
from pathlib import Path

import pytest

from tests.lab_esx.conftest import Endpoint
from tests.support.tools import require_tool


@pytest.fixture
def wbemcli() -> Path:
    return require_tool("wbemcli")


def run(
    wbemcli: Path, endpoint: Endpoint, anchor: Path, command: str, path: str, ticket: str | None = None
) -> subprocess.CompletedProcess[str]:
    secret = ticket or endpoint.tickets.issue(endpoint.host.moid)
    url = f"https://{secret}:{secret}@{endpoint.host.address}:{endpoint.port}/{path}"
    return subprocess.run(
        [wbemcli, "-cacert", anchor, "-nl", command, url],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_wbemcli_reads_sensors_with_a_ticket_and_the_hosts_leaf_pinned(
    wbemcli: Path, endpoint: Endpoint
) -> None:
    result = run(wbemcli, endpoint, endpoint.leaf, "ei", "root/cimv2:CIM_NumericSensor")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("-CurrentReading=") == 8
    assert '-ElementName="System Board 1 Ambient Temp"' in result.stdout


@pytest.mark.parametrize(
    ("command", "path", "expected"),
    [
        ("ein", "root/cimv2:CIM_Processor", "OMC_Processor.SystemCreationClassName="),
        ("ei", "root/interop:CIM_SoftwareIdentity", '-ElementName="System BIOS"'),
        ("gi", 'root/cimv2:OMC_Chassis.Tag="23.0",CreationClassName="OMC_Chassis"', '-Model="LS-R640"'),
        ("gc", "root/cimv2:CIM_Chassis", "-SerialNumber="),
        ("ec", "root/cimv2:CIM_Sensor", "CIM_NumericSensor"),
        ("ecn", "root/cimv2:CIM_LogicalDevice", "CIM_Processor"),
    ],
)
def test_wbemcli_makes_every_call_that_is_offered(
    wbemcli: Path, endpoint: Endpoint, command: str, path: str, expected: str
) -> None:
    result = run(wbemcli, endpoint, endpoint.ca, command, path)
    assert result.returncode == 0, result.stderr
    assert expected in result.stdout


def test_wbemcli_is_turned_away_once_the_ticket_is_over(wbemcli: Path, endpoint: Endpoint) -> None:
    ticket = endpoint.tickets.issue(endpoint.host.moid)
    path = "root/cimv2:CIM_Card"
    assert run(wbemcli, endpoint, endpoint.ca, "ei", path, ticket).returncode == 0
    endpoint.clock.advance(121)
    refused = run(wbemcli, endpoint, endpoint.ca, "ei", path, ticket)
    assert refused.returncode != 0
    assert "Invalid username/password" in refused.stderr


def test_wbemcli_does_not_talk_to_a_host_whose_certificate_is_not_the_pinned_one(
    wbemcli: Path, endpoint: Endpoint
) -> None:
    other = endpoint.leaf.with_name("other.pem")
    other.write_text(endpoint.certificates.renew("esx0002.lab.example", endpoint.host.address).pem)
    result = run(wbemcli, endpoint, other, "ei", "root/cimv2:CIM_Card")
    assert result.returncode != 0
    assert "certificate" in result.stderr.lower()


def test_wbemcli_understands_an_unknown_class(wbemcli: Path, endpoint: Endpoint) -> None:
    result = run(wbemcli, endpoint, endpoint.ca, "ei", "root/cimv2:CIM_Nonsense")
    assert result.returncode != 0
    assert "CIM_ERR_INVALID_CLASS" in result.stderr
