"""Commands as an operator types them: what they print, what they write, how they end."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.audit.reading import AuditReading
from broker.cli import main
from broker.cli.exits import Exit
from broker.clock import SystemClock
from broker.demo.files import LabPlace, Site, write_site
from broker.model.names import AppId, VcenterId
from broker.model.principals import canonical_user
from broker.store.credentials import StoredCredentials
from broker.store.database import Database
from broker.store.latches import StoredLatches
from tests.support.certificates import self_signed
from tests.support.log_keys import LOG_KEYS
from tests.support.marks import marked
from tests.support.policy_files import PolicyFiles
from tests.support.tools import ROOT


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """Where a store could be; the directory is there."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder / "broker.db"


@pytest.fixture
def store(nowhere: Path) -> Path:
    """A store, as a process of the broker leaves it."""
    Database.open(nowhere, SystemClock(), LOG_KEYS).close()
    return nowhere


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="broker")


def done(*arguments: str) -> str:
    result = typed(*arguments)
    assert result.exit_code == Exit.DONE, result.output
    return result.output


def events(store: Path) -> list[str]:
    database = Database.open(store, SystemClock(), LOG_KEYS)
    try:
        return [record["event"] for record in AuditReading(database).records()]
    finally:
        database.close()


def test_every_command_explains_itself() -> None:
    overview = done("--help")
    for command in main.list_commands(main.make_context("broker", ["--help"], resilient_parsing=True)):
        assert command in overview
        explained = done(command, "--help")
        assert "Usage: broker" in explained
        assert "...\n" not in explained.partition("Commands:")[2], "a line that is cut tells half"
    assert "...\n" not in overview.partition("Commands:")[2]


def test_the_version_is_told() -> None:
    assert done("--version").startswith("broker, version ")


def test_an_unknown_command_is_a_usage_error() -> None:
    assert typed("no-such-command").exit_code == Exit.USAGE


@pytest.mark.parametrize("kind", ["signing", "fingerprint"])
def test_a_key_file_is_for_its_owner_only_and_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "new.key"
    printed = done("keys", kind, str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in printed
    assert file.read_text().strip() not in printed
    before = file.read_bytes()
    again = typed("keys", kind, str(file))
    assert again.exit_code == Exit.CONFLICT
    assert f"{file} exists already; name a new file" in again.output
    assert file.read_bytes() == before


_AS_THE_DISK_FILLS = """
import resource, sys
from broker.cli import main
from tests.support.log_keys import LOG_KEYS
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
main(sys.argv[1:])
"""


@pytest.mark.parametrize("kind", ["signing", "fingerprint"])
def test_a_key_file_that_the_disk_does_not_hold_whole_is_removed(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "new.key"
    command = [sys.executable, "-c", _AS_THE_DISK_FILLS, "keys", kind, str(file)]
    # a measured child would need room for its measurements
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    finished = subprocess.run(
        command, cwd=ROOT, env=unmeasured, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == Exit.FAILED
    assert finished.stderr.strip() == f"Error: {file}: File too large"
    assert not file.exists()


def test_an_app_is_added_rotated_disabled_and_enabled_on_record(tmp_path: Path, store: Path) -> None:
    at = ("--store", str(store))
    secret = tmp_path / "app.secret"
    done("apps", "add", "nagios", "--secret-file", str(secret), *at)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    done("apps", "rotate", "nagios", "--secret-file", str(tmp_path / "next.secret"), "--overlap", "5", *at)
    done("apps", "disable", "nagios", *at)
    (app,) = json.loads(done("apps", "list", "--format", "json", *at))
    assert app == {"app": "nagios", "state": "disabled", "generation": 3, "secrets": 2}
    done("apps", "enable", "nagios", *at)
    assert "enabled" in done("apps", "list", *at)
    assert events(store) == ["log_began", "app_added", "app_rotated", "app_disabled", "app_enabled"]
    assert secret.read_text().strip() not in done("apps", "list", *at)


def test_revoking_tokens_leaves_the_secret_as_it_is(tmp_path: Path, store: Path) -> None:
    at = ("--store", str(store))
    done("apps", "add", "nagios", "--secret-file", str(tmp_path / "app.secret"), *at)
    done("apps", "rotate", "nagios", *at)
    (app,) = json.loads(done("apps", "list", "--format", "json", *at))
    assert app == {"app": "nagios", "state": "enabled", "generation": 2, "secrets": 1}


@pytest.mark.parametrize("overlap", ["-1", "1441", "1e3", "soon"])
def test_an_overlap_is_a_day_at_most(tmp_path: Path, store: Path, overlap: str) -> None:
    secret = ("--secret-file", str(tmp_path / "app.secret"))
    result = typed("apps", "rotate", "nagios", *secret, "--overlap", overlap, "--store", str(store))
    assert result.exit_code == Exit.USAGE
    assert not (tmp_path / "app.secret").exists()


def test_an_overlap_without_a_new_secret_means_nothing(store: Path) -> None:
    done("apps", "add", "nagios", "--store", str(store))
    result = typed("apps", "rotate", "nagios", "--overlap", "5", "--store", str(store))
    assert result.exit_code == Exit.USAGE
    assert events(store) == ["log_began", "app_added"]


@pytest.mark.parametrize(
    ("command", "app", "code"), [("add", "icinga", Exit.CONFLICT), ("rotate", "nagios", Exit.FAILED)]
)
def test_a_secret_that_the_store_does_not_take_leaves_no_file(
    tmp_path: Path, store: Path, command: str, app: str, code: Exit
) -> None:
    done("apps", "add", "icinga", "--store", str(store))
    secret = tmp_path / "app.secret"
    result = typed("apps", command, app, "--secret-file", str(secret), "--store", str(store))
    assert result.exit_code == code
    assert not secret.exists()


def test_a_file_that_was_there_before_is_neither_overwritten_nor_removed(tmp_path: Path, store: Path) -> None:
    secret = tmp_path / "app.secret"
    secret.write_text("precious")
    result = typed("apps", "add", "nagios", "--secret-file", str(secret), "--store", str(store))
    assert result.exit_code == Exit.CONFLICT
    assert secret.read_text() == "precious"
    assert events(store) == ["log_began"]


def test_an_app_that_was_never_added_cannot_be_switched(store: Path) -> None:
    result = typed("apps", "disable", "nagios", "--store", str(store))
    assert result.exit_code == Exit.FAILED
    assert "broker apps add" in result.output


@pytest.mark.parametrize("name", ["../etc", "Nagios", "nagios\n", "", "a" * 64])
def test_a_hostile_id_is_refused_before_the_store_is_asked(nowhere: Path, name: str) -> None:
    result = typed("apps", "add", name, "--store", str(nowhere))
    assert result.exit_code == Exit.USAGE
    assert "no store" not in result.output


@pytest.mark.parametrize("half_made", [False, True])
@pytest.mark.parametrize(
    "command",
    [
        ("apps", "add", "nagios"),
        ("apps", "rotate", "nagios"),
        ("apps", "disable", "nagios"),
        ("apps", "enable", "nagios"),
        ("apps", "list"),
        ("grants", "disable", "nagios-dc1"),
        ("grants", "enable", "nagios-dc1"),
        ("grants", "disabled"),
        ("accounts", "latched"),
        ("accounts", "retry", "prod", "svc@vsphere.local"),
        ("reload",),
    ],
)
def test_no_command_of_an_operator_works_on_a_store_that_was_never_made(
    nowhere: Path, command: tuple[str, ...], *, half_made: bool
) -> None:
    if half_made:
        nowhere.touch(0o600)
    result = typed(*command, "--store", str(nowhere))
    assert result.exit_code == Exit.FAILED
    assert f"there is no store at {nowhere}" in result.output
    assert sum(file.stat().st_size for file in nowhere.parent.iterdir()) == 0
    assert len(list(nowhere.parent.iterdir())) == int(half_made)


def test_an_unknown_grant_is_cut_and_does_not_read_as_success(store: Path) -> None:
    at = ("--store", str(store))
    cut = typed("grants", "disable", "nagios-dc1", *at)
    assert cut.exit_code == Exit.CONFLICT
    assert cut.stdout == ""
    assert cut.stderr.startswith("Error: thrown, but no grant of this name is known; ")
    assert json.loads(done("grants", "disabled", "--format", "json", *at)) == [{"grant": "nagios-dc1"}]
    done("grants", "enable", "nagios-dc1", *at)
    assert json.loads(done("grants", "disabled", "--format", "json", *at)) == []


def test_a_stopped_log_in_is_shown_and_reopened_on_record(store: Path) -> None:
    at = ("--store", str(store))
    database = Database.open(store, SystemClock(), LOG_KEYS)
    StoredLatches(database).close(VcenterId("prod"), canonical_user("svc@vsphere.local"), "digest")
    database.close()
    marked(store)
    assert r"vsphere.local\svc" in done("accounts", "latched", *at)
    done("accounts", "retry", "prod", "SVC@vsphere.local", *at)
    assert json.loads(done("accounts", "latched", "--format", "json", *at)) == []
    again = done("accounts", "retry", "prod", "svc@vsphere.local", *at)
    assert "is not stopped (any more); `broker accounts latched` lists those that are" in again
    assert "may log in" not in again
    assert events(store) == ["login_latched", "login_retry", "login_retry"]


@pytest.mark.parametrize("user", ["svc", "", "a@b@c", "svc@vsphere.local\n", "\x1b[2J@vsphere.local"])
def test_what_is_no_user_is_refused_before_the_store_is_asked(store: Path, user: str) -> None:
    result = typed("accounts", "retry", "prod", user, "--store", str(store))
    assert result.exit_code == Exit.USAGE
    assert r"user@domain or DOMAIN\user" in result.output
    assert "\x1b" not in result.output
    assert events(store) == []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Every file that an admin would write, keys and certificates included."""
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("secret")
    ca = tmp_path / "ca.pem"
    ca.write_text(self_signed("vcenter.example.com").pem)
    made = Site(tmp_path / "site", ROOT / "roles", 8443)
    made.root.mkdir(mode=0o700)
    write_site(made, LabPlace(443, ca, password, password), "/DC1/host/cluster-01", SystemClock().now())
    return made


def test_a_good_configuration_is_said_to_be_so(site: Site) -> None:
    at = ("--config", str(site.config), "--controller", str(site.controller_file))
    assert "valid" in done("config", "check", *at)
    assert json.loads(done("config", "check", *at, "--format", "json")) == []


def test_what_is_wrong_is_told_one_problem_a_line(site: Site) -> None:
    (site.root / "fingerprint.key").unlink()
    result = typed("config", "check", "--config", str(site.config))
    assert result.exit_code == Exit.CONFIGURATION
    (line,) = result.output.splitlines()
    assert "server.yaml:" in line
    assert "fingerprint_key" in line


def test_a_broken_configuration_is_told_by_file_line_and_key(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    (files.folder / "grants.yaml").write_text("grants: {}\nsurplus: 1\n")
    result = typed("config", "check", "--config", str(files.folder), "--format", "json")
    assert result.exit_code == Exit.CONFIGURATION
    (finding,) = [f for f in json.loads(result.output) if f["key"] == "surplus"]
    assert (Path(finding["file"]).name, finding["line"]) == ("grants.yaml", 2)


def test_serving_a_broken_configuration_is_fatal_with_its_words(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    (files.folder / "server.yaml").unlink()
    result = typed("serve", "--config", str(files.folder))
    assert result.exit_code == Exit.CONFIGURATION
    assert "server.yaml" in result.output


def test_the_store_is_found_in_server_yaml_and_else_asked_for(tmp_path: Path) -> None:
    missing = typed("grants", "disabled", "--config", str(tmp_path))
    assert missing.exit_code == Exit.CONFIGURATION
    assert "--store" in missing.output
    (tmp_path / "server.yaml").write_text("store: state/broker.db\nthis is: [not valid")
    assert "--store" in typed("grants", "disabled", "--config", str(tmp_path)).output
    (tmp_path / "server.yaml").write_text("store: state/broker.db\nanything: else\n")
    missed = typed("grants", "disabled", "--config", str(tmp_path))
    assert f"there is no store at {tmp_path / 'state' / 'broker.db'}" in missed.output
    (tmp_path / "state").mkdir(mode=0o700)
    Database.open(tmp_path / "state" / "broker.db", SystemClock(), LOG_KEYS).close()
    done("grants", "disabled", "--config", str(tmp_path))


def test_a_ticket_needs_exactly_one_credential(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    at = ("--broker", "https://localhost:1", "--ca", str(ca), "--client-id", "nagios")
    assert typed("ticket", "esx01", *at).exit_code == Exit.USAGE
    both = ("--key", "a", "--secret-file", "b")
    assert typed("ticket", "esx01", *at, *both).exit_code == Exit.USAGE


def test_a_reload_without_any_process_says_so(store: Path) -> None:
    result = typed("reload", "--store", str(store))
    assert result.exit_code == Exit.FAILED
    assert "no process" in result.output


def test_the_exit_codes_stand_in_the_help() -> None:
    told = done("--help")
    for code in Exit:
        assert f"{int(code)} " in told


def test_hashes_alone_reach_the_store(tmp_path: Path, store: Path) -> None:
    secret = tmp_path / "app.secret"
    done("apps", "add", "nagios", "--secret-file", str(secret), "--store", str(store))
    database = Database.open(store, SystemClock(), LOG_KEYS)
    credential = StoredCredentials(database).credential(AppId("nagios"))
    database.close()
    assert credential is not None
    assert [len(digest) for digest in credential.secret_hashes] == [32]
    everything = b"".join(path.read_bytes() for path in store.parent.iterdir())
    assert secret.read_bytes().strip() not in everything
