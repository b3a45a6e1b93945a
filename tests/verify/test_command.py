"""`broker audit verify` as it is typed: what it prints, how it ends, and that it is put on record."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from tests.support.log_keys import LOG_KEYS
from tests.support.marks import marked
from tests.support.rewriting import checkpoint_over, leaves_of
from tests.support.tools import ROOT
from tests.support.verifying import damaged

(KEY,) = LOG_KEYS.verifiers()
TAMPER = "UPDATE record SET leaf = CAST(replace(CAST(leaf AS TEXT), '192.0.2.', '192.0.3.') AS BLOB)"


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", "verify", *arguments], prog_name="broker")


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A store as processes have it, with its keys beside it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    LOG_KEYS.write(folder / "audit-keys")
    path = Path(shutil.copyfile(whole, folder / "broker.db"))
    path.chmod(0o600)
    marked(path)
    return path


def at(store: Path) -> tuple[str, ...]:
    return ("--store", str(store), "--audit-keys", str(store.parent / "audit-keys"))


def told(result: Result) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def test_a_running_log_that_is_good_is_told_to_be_and_that_is_put_on_record(store: Path) -> None:
    first = verify("--format", "json", "--key", str(KEY), *at(store))
    assert first.exit_code == Exit.DONE, first.output
    again = told(verify("--format", "json", *at(store)))
    assert again["size"] == told(first)["size"] + 1
    assert (told(first)["keys_given"], again["keys_given"]) == (True, False)


def test_people_are_told_that_a_log_may_agree_with_itself_alone(copy: Path) -> None:
    result = verify(str(copy))
    assert result.exit_code == Exit.DONE
    assert result.stdout.startswith("good: ")
    assert "give the key that you have from elsewhere" in result.stdout


def test_a_copy_that_is_wrong_ends_with_a_code_of_its_own_and_names_the_record(copy: Path) -> None:
    damaged(copy, f"{TAMPER} WHERE seq IN (40, 300)")
    result = verify(str(copy))
    assert result.exit_code == Exit.WRONG
    assert "record 40 was changed: its bytes do not have the hash that is kept (and 1 more" in result.stdout


def test_a_running_log_that_is_wrong_is_named_although_it_takes_no_record_any_more(store: Path) -> None:
    damaged(store, f"{TAMPER} WHERE seq = (SELECT max(seq) - 1 FROM record)")
    result = verify("--format", "json", *at(store))
    assert result.exit_code == Exit.WRONG
    assert told(result)["findings"][0]["kind"] == "record"
    assert "not on record" in result.stderr


def test_what_is_wrong_with_a_log_that_still_takes_records_is_on_record(store: Path) -> None:
    damaged(store, f"{TAMPER} WHERE seq = 40")
    assert verify(*at(store)).exit_code == Exit.WRONG
    second = told(verify("--format", "json", *at(store)))
    assert second["findings"][0]["index"] == 40
    assert second["checked"]["records"] == second["size"]


def test_what_cannot_be_read_ends_otherwise_than_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "no.db"
    file.write_text("no database")
    assert verify(str(file)).exit_code == Exit.FAILED
    assert verify(str(tmp_path / "nothing")).exit_code == Exit.USAGE
    assert verify(str(file), "--key", "no key").exit_code == Exit.USAGE


def test_a_folder_without_receipts_is_no_evidence_that_a_log_is_good(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    result = verify(str(copy), "--receipts", str(tmp_path / "receipts"))
    assert result.exit_code == Exit.FAILED
    assert "holds no receipt" in result.stderr


def test_the_line_that_the_page_gives_an_auditor_works(store: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    (line,) = re.findall(r"^broker audit verify --key .*$", page, re.MULTILINE)
    (tmp_path / "log.pub").write_text(f"{KEY}\n")
    (tmp_path / "checkpoints").write_text(checkpoint_over(leaves_of(store)[:100]))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BROKER_STORE": str(store),
        "BROKER_AUDIT_KEYS": str(store.parent / "audit-keys"),
    }
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 kept checkpoint" in done.stdout
