"""govc, the field's command line, works against the lab unchanged and with its certificate verified."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab_vcenter import PASSWORDS, LabVCenter
from tests.support.tools import require_tool

CLUSTER = "/DC1/host/cluster-01"
HOST = f"{CLUSTER}/esx0001.lab.example"
ACCOUNT = r"VSPHERE.LOCAL\svc-cim-a"


class Govc:
    """Runs govc as one user; every command has a session of its own."""

    def __init__(self, program: Path, lab: LabVCenter, home: Path) -> None:
        self._program = program
        self.environment = {
            "HOME": str(home),
            "GOVC_URL": f"https://localhost:{lab.port}/sdk",
            "GOVC_USERNAME": "administrator@vsphere.local",
            "GOVC_PASSWORD": PASSWORDS["administrator"],
            "GOVC_TLS_CA_CERTS": str(lab.ca_file),
            "GOVC_PERSIST_SESSION": "false",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._program), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def lines(self, *arguments: str) -> list[str]:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def document(self, *arguments: str) -> Any:
        return json.loads("\n".join(self.lines(*arguments, "-json")))


@pytest.fixture
def govc(lab: LabVCenter, tmp_path: Path) -> Govc:
    return Govc(require_tool("govc"), lab, tmp_path)


def test_govc_reads_what_the_vcenter_is(govc: Govc) -> None:
    about = govc.document("about")["about"]
    assert (about["apiType"], about["apiVersion"]) == ("VirtualCenter", "8.0.3.0")


def test_govc_lists_and_finds_the_inventory(govc: Govc) -> None:
    assert govc.lines("ls") == ["/DC1", "/DC2"]
    inside = [f"{CLUSTER}/esx000{n}.lab.example" for n in range(1, 5)]
    assert govc.lines("ls", CLUSTER) == [*inside, f"{CLUSTER}/Resources"]
    found = govc.lines("find", "/", "-type", "h")
    assert len(found) == 10
    assert set(inside) <= set(found)


def test_govc_makes_a_role_and_sets_a_permission_that_reaches_the_host(govc: Govc, lab: LabVCenter) -> None:
    govc.lines("role.create", "cim-ticket", "Host.Cim.CimInteraction")
    assert [line.split()[0] for line in govc.lines("role.ls")][-1] == "cim-ticket"
    assert "Host.Cim.CimInteraction" in govc.lines("role.ls", "cim-ticket")
    host = lab.moid(HOST.lstrip("/"))
    assert not lab.model.holds(ACCOUNT, host, "Host.Cim.CimInteraction")
    govc.lines("permissions.set", "-principal", ACCOUNT, "-role", "cim-ticket", CLUSTER)
    shown = [line.split() for line in govc.lines("permissions.ls", HOST)]
    assert ["cim-ticket", CLUSTER, ACCOUNT, "Yes"] in shown
    assert lab.model.holds(ACCOUNT, host, "Host.Cim.CimInteraction")


def test_govc_is_refused_what_its_user_may_not_do(govc: Govc) -> None:
    govc.environment |= {
        "GOVC_USERNAME": "svc-cim-a@vsphere.local",
        "GOVC_PASSWORD": PASSWORDS["svc-cim-a"],
    }
    refused = govc.run("role.create", "mine", "Host.Cim.CimInteraction")
    assert refused.returncode == 1
    assert "Permission to perform this operation was denied" in refused.stderr


def test_govc_sees_its_session_and_its_logins(govc: Govc) -> None:
    sessions = govc.document("session.ls")
    assert sessions["currentSession"]["userName"] == r"VSPHERE.LOCAL\administrator"
    assert [each["key"] for each in sessions["sessionList"]] == [sessions["currentSession"]["key"]]
    events = "\n".join(govc.lines("events", "-n", "20"))
    assert r"User VSPHERE.LOCAL\administrator@127.0.0.1 logged in as govc/" in events
    assert "logged out" in events


def test_govc_reads_a_host(govc: Govc) -> None:
    (host,) = govc.document("host.info", "-host", HOST)["hostSystems"]
    assert host["name"] == "esx0001.lab.example"
    assert host["summary"]["config"]["product"]["version"] == "8.0.3"
    assert govc.lines("object.collect", "-s", HOST, "name", "runtime.connectionState") == [
        "esx0001.lab.example",
        "connected",
    ]
    assert len(govc.lines("object.collect", "-type", "h", "/", "name")) == 10


def test_govc_that_does_not_trust_the_ca_does_not_get_in(govc: Govc) -> None:
    govc.environment.pop("GOVC_TLS_CA_CERTS")
    refused = govc.run("about")
    assert refused.returncode == 1
    assert "failed to verify certificate" in refused.stderr


def test_govc_with_a_wrong_password_does_not_get_in(govc: Govc) -> None:
    govc.environment["GOVC_PASSWORD"] = "wrong"
    refused = govc.run("about")
    assert refused.returncode == 1
    assert "Cannot complete login due to an incorrect user name or password" in refused.stderr
