"""What a new operator gets wrong: a name that nothing has, a folder that is not there, a size of nothing."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from broker.cli.output import exit_code_of
from broker.client.errors import BrokerRefused
from broker.clock import SystemClock
from broker.files import write_private
from broker.model.names import GrantId
from broker.ports.operation import Acknowledgement
from broker.store.database import Database
from broker.store.processes import StoredProcesses
from broker.store.switches import GrantSwitches
from tests.support.log_keys import LOG_KEYS
from tests.support.policy_files import PolicyFiles


@pytest.fixture
def files(tmp_path: Path) -> PolicyFiles:
    """A policy that loads, and its store, as a process of the broker leaves it."""
    made = PolicyFiles(tmp_path)
    made.folder.chmod(0o700)
    Database.open(made.folder / "broker.db", SystemClock(), LOG_KEYS).close()
    return made


def typed(files: PolicyFiles, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(files.folder)], prog_name="broker")


def disabled(files: PolicyFiles) -> tuple[GrantId, ...]:
    database = Database.open_existing(files.folder / "broker.db", SystemClock(), LOG_KEYS)
    try:
        return GrantSwitches(database).disabled()
    finally:
        database.close()


def test_an_app_that_no_file_has_is_added_with_a_warning(files: PolicyFiles) -> None:
    added = typed(files, "apps", "add", "nagois")
    assert (added.exit_code, added.stdout) == (Exit.DONE, "nagois may authenticate\n")
    assert added.stderr == "warning: apps.yaml has no app nagois; is it spelled right?\n"


def test_an_app_of_the_files_is_added_without_a_warning(files: PolicyFiles) -> None:
    added = typed(files, "apps", "add", "nagios")
    assert (added.exit_code, added.stderr) == (Exit.DONE, "")


def test_an_app_is_added_while_the_policy_cannot_be_read(files: PolicyFiles) -> None:
    (files.folder / "grants.yaml").unlink()
    added = typed(files, "apps", "add", "nagois")
    assert (added.exit_code, added.stderr) == (Exit.DONE, "")


def test_an_app_that_is_there_already_is_a_conflict(files: PolicyFiles) -> None:
    typed(files, "apps", "add", "nagios")
    again = typed(files, "apps", "add", "nagios")
    assert again.exit_code == Exit.CONFLICT
    assert again.stderr == "Error: app nagios was added before: rotate or enable it\n"


def test_a_grant_that_is_not_applied_yet_is_cut_without_a_doubt(files: PolicyFiles) -> None:
    cut = typed(files, "grants", "disable", "nagios-dc1")
    assert (cut.exit_code, cut.stderr) == (Exit.DONE, "")
    assert disabled(files) == ("nagios-dc1",)
    assert typed(files, "grants", "enable", "nagios-dc1").stdout == "nagios-dc1 is enabled\n"


@pytest.mark.parametrize("broken", [False, True])
def test_a_misspelt_grant_is_cut_and_is_a_conflict_in_one_line(files: PolicyFiles, *, broken: bool) -> None:
    if broken:
        (files.folder / "grants.yaml").unlink()
    cut = typed(files, "grants", "disable", "nagois-dc1")
    assert (cut.exit_code, cut.stdout) == (Exit.CONFLICT, "")
    (line,) = cut.stderr.splitlines()
    assert line.startswith("Error: thrown, but no grant of this name is known; ")
    assert disabled(files) == ("nagois-dc1",)
    back = typed(files, "grants", "enable", "nagois-dc1")
    assert (back.exit_code, back.stdout) == (Exit.DONE, "nagois-dc1 is enabled\n")
    assert disabled(files) == ()


def test_enabling_a_grant_that_was_not_disabled_says_so(files: PolicyFiles) -> None:
    known = typed(files, "grants", "enable", "nagios-dc1")
    assert (known.exit_code, known.stdout) == (Exit.DONE, "nagios-dc1 was not disabled\n")
    unknown = typed(files, "grants", "enable", "nosuch")
    assert (unknown.exit_code, unknown.stdout) == (Exit.CONFLICT, "")
    assert "no grant of this name is known; nosuch was not disabled" in unknown.stderr


def test_a_vcenter_id_that_is_none_is_a_usage_error(files: PolicyFiles) -> None:
    assert typed(files, "accounts", "retry", "PROD", "svc@vsphere.local").exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (504, "vcenter_timeout", Exit.VCENTER),
        (503, "vcenter_unavailable", Exit.VCENTER),
        (502, "vcenter_fault", Exit.VCENTER),
        (503, "login_latched", Exit.VCENTER),
        (503, "not_applied", Exit.REFUSED),
        (403, "not_granted", Exit.REFUSED),
    ],
)
def test_a_refused_ticket_ends_with_the_exit_code_of_its_reason(
    status: int, code: str, exit_code: Exit
) -> None:
    assert exit_code_of(BrokerRefused(status, code, "No", "", "id", None)) == exit_code


@pytest.mark.parametrize("command", [("keys", "fingerprint"), ("keys", "signing")])
def test_a_new_file_in_a_folder_that_is_missing_names_the_folder(
    tmp_path: Path, command: Sequence[str]
) -> None:
    file = tmp_path / "none" / "new.key"
    result = CliRunner().invoke(main, [*command, str(file)], prog_name="broker")
    assert result.exit_code == Exit.FAILED
    assert result.stderr == f"Error: {file}: its folder {file.parent} does not exist\n"


def answer_at_once(monkeypatch: pytest.MonkeyPatch, *errors: str) -> None:
    """Processes that have answered; the command asks and waits as ever."""
    answers = tuple(Acknowledgement(f"boot-{i}", "serve", 1, "r1", error) for i, error in enumerate(errors))
    monkeypatch.setattr(StoredProcesses, "answers", lambda *_: (answers, 0))


def test_an_error_of_many_lines_is_told_once_below_the_table(
    files: PolicyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_at_once(monkeypatch, "one\ntwo", "one\ntwo", "other")
    result = typed(files, "reload")
    assert result.exit_code == Exit.CONFIGURATION
    table = [line.split() for line in result.stdout.splitlines()]
    rows = [["serve", f"boot-{i}", "r1"] for i in range(3)]
    assert table == [["kind", "boot", "revision"], *rows]
    assert result.stderr == "Error: a process kept its old policy\none\ntwo\nother\n"


def test_a_reload_in_json_keeps_the_error_of_each_process(
    files: PolicyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_at_once(monkeypatch, "one\ntwo", "")
    result = typed(files, "reload", "--format", "json")
    assert [row["error"] for row in json.loads(result.stdout)] == ["one\ntwo", ""]


@pytest.mark.parametrize("name", ["none", "server.yaml/none"])
def test_a_configuration_in_no_folder_is_one_line(files: PolicyFiles, name: str) -> None:
    folder = files.folder / name
    result = CliRunner().invoke(main, ["config", "check", "--config", str(folder)], prog_name="broker")
    assert (result.exit_code, result.stdout) == (Exit.CONFIGURATION, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {folder} is no folder ")


@pytest.mark.parametrize("sizes", [("--hosts", "0"), ("--hosts", "-1"), ("--hosts", "99999999")])
def test_a_lab_of_a_size_that_makes_no_inventory_is_a_usage_error(
    tmp_path: Path, sizes: Sequence[str]
) -> None:
    state = tmp_path / "lab"
    result = CliRunner().invoke(main, ["lab", "--state-dir", str(state), *sizes], prog_name="broker")
    assert result.exit_code == Exit.USAGE
    assert not state.exists()


def test_a_file_that_exists_keeps_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_private(file, b"first")
    result = CliRunner().invoke(main, ["keys", "fingerprint", str(file)], prog_name="broker")
    assert (result.exit_code, file.read_bytes()) == (Exit.CONFLICT, b"first")
