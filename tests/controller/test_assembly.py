"""The controller from its own file, as the command runs it: apply, then the process, then SIGTERM."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.audit.reading import AuditReading
from broker.clock import SystemClock
from broker.controller.assembly import apply_from
from broker.controller.report import ProblemKind
from broker.lab.authorization.seed import seed_controller
from broker.model.applied import Standing
from broker.model.names import GrantId
from broker.store.applied import StoredGrants
from broker.store.database import Database
from tests.support.administration import CIM
from tests.support.lab_vcenter import PASSWORDS, LabVCenter, lab_vcenter
from tests.support.policy_files import PolicyFiles


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabVCenter]:
    with lab_vcenter(tmp_path / "lab") as running:
        datacenters = [running.moid("DC1"), running.moid("DC2")]
        root = running.world.inventory.root()
        controller = "VSPHERE.LOCAL\\broker-controller"
        seed_controller(running.model, root, datacenters, controller, frozenset({CIM}))
        yield running


@pytest.fixture
def files(tmp_path: Path, lab: LabVCenter) -> PolicyFiles:
    written = PolicyFiles(tmp_path / "site")
    written.change("vcenters.yaml", "host: vc.example.com", f"host: localhost\n    port: {lab.port}")
    written.change("vcenters.yaml", "ca_file: ca.pem", f"ca_file: {lab.ca_file}")
    written.change("controller.yaml", "svc-controller@vsphere.local", "broker-controller@vsphere.local")
    written.change("controller.yaml", "{credential: prod-password}", "{file: controller.password}")
    password = written.put("controller.password", PASSWORDS["broker-controller"])
    password.chmod(0o600)
    return written


@pytest.fixture
def store(files: PolicyFiles) -> Iterator[Database]:
    opened = Database.open(files.folder / "broker.db", SystemClock())
    yield opened
    opened.close()


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def codes(store: Database) -> list[str]:
    return [record["code"] for record in AuditReading(store).records()]


def test_an_apply_from_the_file_is_on_record_and_idempotent(files: PolicyFiles, store: Database) -> None:
    file = files.folder / "controller.yaml"
    assert [c.event for c in apply_from(file).changes] == ["R600I", "R610I", "R620I"]
    assert apply_from(file).unchanged == ("nagios-dc1",)
    assert codes(store) == ["R600I", "R610I", "R620I"]


def test_the_low_privilege_passwords_are_not_read(files: PolicyFiles, store: Database) -> None:
    assert not (files.folder / "cim-a.password").exists()
    assert apply_from(files.folder / "controller.yaml").problems == ()


def test_a_vcenter_without_a_login_is_a_problem_of_its_grants(files: PolicyFiles, store: Database) -> None:
    files.put("controller.yaml", "policy: .\nstore: broker.db\nlogins: {}\n")
    (problem,) = apply_from(files.folder / "controller.yaml").problems
    assert (problem.kind, problem.subject) == (ProblemKind.REFUSED, "prod")
    assert "no login" in problem.text


def test_the_process_watches_and_ends_at_sigterm(
    files: PolicyFiles, store: Database, lab: LabVCenter
) -> None:
    file = files.add("controller.yaml", "interval_s: 1\n")
    apply_from(file)
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "controller", "--config", str(file)],
        env={"PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert within(20, lambda: any("controller" in live.session.user for live in lab.sessions.all()))
        permission = next(p for p in lab.model.permissions() if p.principal.endswith("svc-cim-a"))
        lab.model.remove_permission(
            "VSPHERE.LOCAL\\administrator", permission.entity, permission.principal, group=False
        )
        grants = StoredGrants(store)

        def drifted() -> bool:
            applied = grants.applied(GrantId("nagios-dc1"))
            return applied is not None and applied.standing is Standing.DRIFTED

        assert within(20, drifted)
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert codes(store)[3:] == ["S400I", "R621W", "S401I"]
    assert not any("controller" in live.session.user for live in lab.sessions.all())
    assert PASSWORDS["broker-controller"] not in told
