"""--format json: one JSON value on standard output, whatever the command."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from broker.cli import accounts, apps, grants, keys, main
from broker.cli.exits import Exit
from broker.clock import SystemClock
from broker.model.names import VcenterId
from broker.model.principals import canonical_user
from broker.store.database import Database
from broker.store.latches import StoredLatches
from tests.support.log_keys import LOG_KEYS


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in which one log-in is stopped."""
    path = tmp_path / "broker.db"
    tmp_path.chmod(0o700)
    database = Database.open(path, SystemClock(), LOG_KEYS)
    StoredLatches(database).close(VcenterId("prod"), canonical_user("svc@vsphere.local"), "digest")
    database.close()
    return path


def told(*arguments: str) -> object:
    result = CliRunner().invoke(main, [*arguments, "--format", "json"], prog_name="broker")
    assert result.exit_code == Exit.DONE, result.output
    return json.loads(result.stdout)


def test_switching_apps_is_told_in_json(tmp_path: Path, store: Path) -> None:
    at, secret = ("--store", str(store)), str(tmp_path / "app.secret")
    assert told("apps", "add", "nagios", *at) == {"app": "nagios", "state": "enabled", "secret_file": None}
    assert told("apps", "rotate", "nagios", "--secret-file", secret, *at) == {
        "app": "nagios",
        "generation": 2,
        "secret_file": secret,
    }
    assert told("apps", "disable", "nagios", *at) == {"app": "nagios", "state": "disabled"}
    assert told("apps", "enable", "nagios", *at) == {"app": "nagios", "state": "enabled"}


def test_switching_grants_is_told_in_json_and_the_warning_beside_it(store: Path) -> None:
    at = ("--store", str(store))
    disable = ("grants", "disable", "nagios-dc1", *at, "--format", "json")
    cut = CliRunner().invoke(main, disable, prog_name="broker")
    facts = {"grant": "nagios-dc1", "state": "disabled", "applied": False, "known": False}
    assert (cut.exit_code, json.loads(cut.stdout)) == (Exit.CONFLICT, facts)
    assert "no grant of this name is known" in cut.stderr
    back = {"grant": "nagios-dc1", "state": "enabled", "was_disabled": True}
    assert told("grants", "enable", "nagios-dc1", *at) == back


def test_reopening_a_log_in_is_told_in_json(store: Path) -> None:
    reopened = told("accounts", "retry", "prod", "svc@vsphere.local", "--store", str(store))
    assert reopened == {"vcenter": "prod", "user": r"vsphere.local\svc", "opened": 1}


def test_making_keys_is_told_in_json_and_nothing_secret_with_it(tmp_path: Path) -> None:
    signing, fingerprint = tmp_path / "signing.key", tmp_path / "fingerprint.key"
    made = told("keys", "signing", str(signing))
    assert isinstance(made, dict)
    assert made["file"] == str(signing)
    assert made["public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")
    assert made["public_key"].endswith("-----END PUBLIC KEY-----\n")
    assert told("keys", "fingerprint", str(fingerprint)) == {"file": str(fingerprint)}


@pytest.mark.parametrize("group", [accounts.command, apps.command, grants.command, keys.command])
def test_every_command_of_an_operator_has_the_option(group: click.Group) -> None:
    without = [
        name
        for name, command in group.commands.items()
        if "--format" not in {option for parameter in command.params for option in parameter.opts}
    ]
    assert without == []
