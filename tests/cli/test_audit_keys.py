"""`broker audit keys init` where there may be a log already; `broker audit epoch open` without a reason."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from broker.clock import SystemClock
from broker.store.database import Database
from tests.support.log_keys import LOG_KEYS
from tests.support.policy_files import PolicyFiles


@pytest.fixture
def files(tmp_path: Path) -> PolicyFiles:
    files = PolicyFiles(tmp_path / "policy")
    shutil.rmtree(files.folder / "audit-keys", ignore_errors=True)
    return files


def init(files: PolicyFiles, *options: str) -> Result:
    command = ["audit", "keys", "init", "--config", str(files.folder), *options]
    return CliRunner().invoke(main, command, prog_name="broker")


def test_the_first_key_is_made_and_what_comes_next_is_told(files: PolicyFiles) -> None:
    result = init(files)
    assert result.exit_code == Exit.DONE, result.output
    assert "whoever is to check the log" in result.output
    assert "PRIVATE" not in result.output
    assert init(files).exit_code == Exit.CONFLICT


def test_no_first_key_is_made_for_a_log_that_is_signed_by_another(files: PolicyFiles) -> None:
    Database.open(files.folder / "broker.db", SystemClock(), LOG_KEYS).close()
    result = init(files)
    assert result.exit_code == Exit.CONFLICT
    assert f"is signed by {LOG_KEYS.verifiers()[0].id} already" in result.output
    assert "broker audit epoch open" in result.output
    assert not (files.folder / "audit-keys").exists()


def test_a_log_does_not_begin_under_the_name_of_a_further_epoch(files: PolicyFiles) -> None:
    result = init(files, "--origin", "broker.example.com/audit/e2")
    assert result.exit_code == Exit.CONFIGURATION
    assert "choose another ending" in result.output


def test_no_epoch_is_opened_without_a_reason(files: PolicyFiles) -> None:
    Database.open(files.folder / "broker.db", SystemClock(), LOG_KEYS).close()
    before = (files.folder / "broker.db").read_bytes()
    command = ["audit", "epoch", "open", "--config", str(files.folder), "--reason", " "]
    result = CliRunner().invoke(main, command, prog_name="broker")
    assert result.exit_code == Exit.USAGE
    assert "say why" in result.stderr
    assert (files.folder / "broker.db").read_bytes() == before
    assert not (files.folder / "audit-keys").exists()
