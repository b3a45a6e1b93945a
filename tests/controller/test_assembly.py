"""The controller from its own file, as the command runs it: apply, then the process, then SIGTERM."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import pytest

from broker.audit.reading import AuditReading
from broker.clock import SystemClock
from broker.controller.apply import unwatched
from broker.controller.assembly import apply_from, run_from
from broker.controller.carrying.report import ApplyReport
from broker.controller.planning.plan import Asked, ProblemKind
from broker.errors import LogUnavailable
from broker.model.applied import Standing
from broker.model.names import GrantId
from broker.ports.clock import Clock
from broker.ports.signing import LogSigner
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.processes import StoredProcesses
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, failing
from tests.support.deadline import eventually
from tests.support.lab_vcenter import PASSWORDS, LabVCenter
from tests.support.log_keys import LOG_KEYS
from tests.support.policy_files import PolicyFiles
from tests.support.records import open_book


@pytest.fixture
def store(files: PolicyFiles) -> Iterator[Database]:
    opened = Database.open(files.folder / "broker.db", SystemClock(), LOG_KEYS)
    yield opened
    opened.close()


def applied(file: Path) -> ApplyReport:
    return apply_from(file, Asked(), "alice", unwatched)


def codes(store: Database) -> list[str]:
    return [record["code"] for record in AuditReading(store).records()]


def test_an_apply_from_the_file_is_on_record_and_idempotent(files: PolicyFiles, store: Database) -> None:
    file = files.folder / "controller.yaml"
    assert [c.event for c in applied(file).changes] == ["R600I", "R610I", "R620I"]
    assert applied(file).unchanged == ("nagios-dc1",)
    assert codes(store) == ["L700I", "R640I", "R631I", "R600I", "R631I", "R610I", "R620I", "R641I"]


def test_the_low_privilege_passwords_are_not_read(files: PolicyFiles, store: Database) -> None:
    assert not (files.folder / "cim-a.password").exists()
    assert applied(files.folder / "controller.yaml").problems == ()


def test_a_vcenter_without_a_login_is_a_problem_of_its_grants(files: PolicyFiles, store: Database) -> None:
    files.put("controller.yaml", "policy: .\nstore: broker.db\nlogins: {}\n")
    (problem,) = applied(files.folder / "controller.yaml").problems
    assert (problem.kind, problem.subject) == (ProblemKind.NO_LOGIN, "prod")
    assert "no log-in" in problem.text


def test_the_process_watches_and_ends_at_sigterm(
    files: PolicyFiles, store: Database, lab: LabVCenter
) -> None:
    file = files.add("controller.yaml", "interval_s: 1\n")
    applied(file)
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "controller", "--config", str(file)],
        env={"PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert eventually(lambda: any("controller" in live.session.user for live in lab.sessions.all()), 20)
        permission = next(p for p in lab.model.permissions() if p.principal.endswith("svc-cim-a"))
        lab.model.remove_permission(
            "VSPHERE.LOCAL\\administrator", permission.entity, permission.principal, group=False
        )
        grants = StoredGrants(store)

        def drifted() -> bool:
            applied = grants.applied(GrantId("nagios-dc1"))
            return applied is not None and applied.standing is not Standing.HOLDS

        assert eventually(drifted, 20)
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert codes(store)[8:] == ["S400I", "P300I", "R621W", "S401I"]
    assert not any("controller" in live.session.user for live in lab.sessions.all())
    assert PASSWORDS["broker-controller"] not in told


@pytest.fixture
def process(
    files: PolicyFiles, store: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Database]]:
    """Runs the controller in a thread until the test is over, and gives its own opening of the store."""
    told: SimpleQueue[int] = SimpleQueue()
    opened: SimpleQueue[Database] = SimpleQueue()
    really_open = Database.open

    def open_and_tell(path: Path, clock: Clock, signer: LogSigner) -> Database:
        database = really_open(path, clock, signer)
        opened.put(database)
        return database

    file = files.add("controller.yaml", "interval_s: 1\n")
    thread = Thread(target=run_from, args=(file, lambda _: told.get()), daemon=True)

    def start() -> Database:
        monkeypatch.setattr(Database, "open", open_and_tell)
        thread.start()
        return opened.get(timeout=20)

    yield start
    told.put(signal.SIGTERM)
    thread.join(20)
    assert not thread.is_alive()


def test_the_process_closes_what_a_killed_serve_left_open(
    files: PolicyFiles, store: Database, process: Callable[[], Database]
) -> None:
    long_ago = open_book(files.folder / "broker.db", HandClock(datetime.now(UTC) - timedelta(hours=1)))
    long_ago.begin()
    long_ago.database.close()
    process()
    assert eventually(lambda: "T104W" in codes(store), 20)


def test_the_process_recovers_a_store_whose_commit_failed(
    store: Database, process: Callable[[], Database]
) -> None:
    database = process()
    assert eventually(lambda: bool(StoredProcesses(store).answers(0)[0]), 20)
    with failing(database, "COMMIT", NOT_PERSISTED), pytest.raises(LogUnavailable):
        StoredProcesses(database).ask_reload()
    assert not database.healthy()
    assert eventually(database.healthy, 20)
