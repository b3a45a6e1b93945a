"""What the options about the broker's log are told wrong, before a broker is asked."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from tests.support.given_log import log_key

KEY = str(log_key(1).verifier)


def asked(folder: Path, *options: str, **environment: str) -> Result:
    """A ticket is asked for where no broker is."""
    for name in ("ca.pem", "app.secret"):
        (folder / name).write_text("secret")
        (folder / name).chmod(0o600)
    at = ("--broker", "https://localhost:1", "--ca", str(folder / "ca.pem"), "--client-id", "nagios")
    who = ("--secret-file", str(folder / "app.secret"))
    told = ["ticket", "esx01", *at, *who, *options]
    return CliRunner(env=environment).invoke(main, told, prog_name="broker")


@pytest.mark.parametrize("key", ["", "canary", KEY[:-1], KEY.replace("broker", "other"), f"{KEY} "])
def test_a_key_that_is_none_is_a_usage_error(tmp_path: Path, key: str) -> None:
    result = asked(tmp_path, "--log-key", key)
    assert (result.exit_code, "the log's key: not" in result.stderr) == (Exit.USAGE, True)


@pytest.mark.parametrize("content", ["", "# a comment\n\n", "canary\n", f"{KEY}\n# a comment\ncanary\n"])
def test_a_file_of_keys_has_one_at_least_and_nothing_else(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").write_text(content)
    assert asked(tmp_path, "--log-keys", str(tmp_path / "keys")).exit_code == Exit.USAGE


def test_a_file_of_keys_may_have_comments(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# of the log\n\n{KEY}\n{log_key(2).verifier}\n")
    result = asked(tmp_path, "--log-keys", str(tmp_path / "keys"))
    assert "holds no certificate" in result.stderr


def test_without_a_home_the_folder_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    result = asked(tmp_path)
    assert (result.exit_code, "name a folder with --log-state" in result.stderr) == (Exit.USAGE, True)
    assert "holds no certificate" in asked(tmp_path, XDG_STATE_HOME=str(tmp_path)).stderr
    assert "holds no certificate" in asked(tmp_path, "--log-state", str(tmp_path)).stderr
