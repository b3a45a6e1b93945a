"""`broker audit export` as an auditor types it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.audit.reading import AuditReading
from broker.cli import main
from broker.cli.exits import Exit
from broker.clock import SystemClock
from broker.store.database import Database
from tests.support.clock import HandClock
from tests.support.deadline import eventually
from tests.support.log_keys import LOG_KEYS
from tests.support.many_records import fill
from tests.support.marks import marked
from tests.support.tools import ROOT

RECORDS = 3000


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of some hours of a site."""
    folder = tmp_path_factory.mktemp("hours")
    fill(folder / "broker.db", RECORDS, HandClock())
    marked(folder / "broker.db")
    return folder


@pytest.fixture
def store(hours: Path, tmp_path: Path) -> Path:
    """The same for each test: nothing of it is open."""
    return shutil.copytree(hours, tmp_path / "state") / "broker.db"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder / "export"


def typed(store: Path, *arguments: str) -> Result:
    command = ["audit", "export", *arguments, "--store", str(store)]
    return CliRunner().invoke(main, command, prog_name="broker")


def last_record(store: Path) -> dict[str, object]:
    database = Database.open(store, SystemClock(), LOG_KEYS)
    try:
        *_, last = AuditReading(database).records()
        return last
    finally:
        database.close()


def manifest(target: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((target / "manifest.json").read_bytes())
    return content


@pytest.mark.parametrize("asked", [(), ("--event", "ticket_issued", "--proofs", "--csv")])
def test_what_is_exported_passes_the_verifier_that_goes_with_it(
    store: Path, target: Path, asked: Sequence[str]
) -> None:
    result = typed(store, str(target), *asked)
    assert result.exit_code == Exit.DONE, result.output
    assert f"of {RECORDS} in {target}; to check them: " in result.stdout
    assert f"python3 verify.py {target} --key VKEY, " in result.stdout
    verifier = [sys.executable, "-I", str(target / "verify.py"), str(target)]
    checked = subprocess.run(verifier, cwd=target.parent, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    record = target / "records.jsonl"
    record.write_bytes(record.read_bytes().replace(b"ticket_issued", b"ticket_issuec", 1))
    again = subprocess.run(verifier, capture_output=True, text=True, check=False)
    assert again.returncode == Exit.WRONG


def test_what_was_exported_is_told_in_json_and_nothing_beside_it(store: Path, target: Path) -> None:
    result = typed(store, str(target), "--format", "json")
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "folder": str(target),
        "scope": "log",
        "count": RECORDS,
        "first": 0,
        "last": RECORDS - 1,
        "size": RECORDS,
        "manifest_sha256": last_record(store)["fields"]["manifest_sha256"],  # type: ignore[index]
    }


def test_filters_choose_the_records_and_stand_in_manifest_and_record(store: Path, target: Path) -> None:
    asked = ("--event", "ticket_issued,T102E", "--first", "100", "--last", "999", "--proofs", "--csv")
    result = typed(store, str(target), *asked)
    assert result.exit_code == Exit.DONE, result.output
    query = {"event": "ticket_issued,T102E", "first": "100", "last": "999"}
    assert manifest(target)["query"] == query
    records = [json.loads(line) for line in (target / "records.jsonl").read_bytes().splitlines()]
    assert {record["code"] for record in records} == {"T101I", "T102E"}
    assert len(list((target / "proofs").iterdir())) == len(records)
    assert (target / "records.csv").exists()
    fields = last_record(store)["fields"]
    assert isinstance(fields, dict)
    assert (fields["query"], fields["count"]) == (query, len(records))


def test_a_folder_that_exists_is_left_as_it_is(store: Path, target: Path) -> None:
    target.mkdir()
    result = typed(store, str(target))
    assert result.exit_code == Exit.CONFLICT
    assert "exists already; name a new folder" in result.output
    assert list(target.iterdir()) == []


def test_a_filter_that_is_none_is_a_usage_error(store: Path, target: Path) -> None:
    assert typed(store, str(target), "--event", "no_such_event").exit_code == Exit.USAGE
    assert not target.exists()


_AS_THE_DISK_FILLS = """
import resource, sys
from broker.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
main(sys.argv[1:])
"""


def child(store: Path, target: Path, program: str, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, "audit", "export", str(target), "--store", str(store), *options]
    # a measured child would need room for its measurements
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.Popen(command, cwd=ROOT, env=unmeasured, stderr=subprocess.PIPE, text=True)


def test_a_disk_that_fills_leaves_neither_an_export_nor_a_record_of_one(store: Path, target: Path) -> None:
    with child(store, target, _AS_THE_DISK_FILLS) as running:
        _, told = running.communicate(timeout=60)
    assert running.returncode == Exit.FAILED
    assert "records.jsonl: File too large" in told
    assert list(target.parent.iterdir()) == []
    assert last_record(store)["event"] == "ticket_intent"


def test_who_is_killed_in_the_middle_leaves_nothing_under_that_name(store: Path, target: Path) -> None:
    program = "import sys; from broker.cli import main; main(sys.argv[1:])"
    with child(store, target, program, "--proofs") as running:
        assert eventually(lambda: any(target.parent.glob(".export.*/proofs/100.tlog-proof")))
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    assert not target.exists()
    assert typed(store, str(target)).exit_code == Exit.DONE
