"""Exports: two verifiers that share no code find the same, whatever is done to one."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.audit.export.selection import Extra
from broker.cli.exits import Exit
from broker.tlog.checkpoint import TreeHead
from broker.tlog.merkle import EMPTY_ROOT
from broker.tlog.note import SignerKey
from broker.verify.evidence import Evidence, checkpoints_in
from tests.support.bundles import both, exports_of_one_log, ours, restated, theirs
from tests.support.log_keys import LOG_KEYS

(KEY,) = LOG_KEYS.verifiers()
_WITHOUT_US = """
import runpy, sys
sys.modules["broker"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read them only."""
    return exports_of_one_log(tmp_path_factory.mktemp("exports"), 270, Extra.TABLE)


@pytest.fixture
def log(exports: Path, tmp_path: Path) -> Path:
    """An export of the whole log, to be damaged."""
    return Path(shutil.copytree(exports / "all", tmp_path / "all"))


@pytest.fixture
def selection(exports: Path, tmp_path: Path) -> Path:
    """An export of a selection, to be damaged."""
    return Path(shutil.copytree(exports / "selection", tmp_path / "selection"))


@pytest.mark.parametrize("name", ["all", "selection"])
def test_an_export_is_good(exports: Path, name: str) -> None:
    assert ours(exports / name, KEY).text == ""
    assert "by the key" in theirs(exports / name, "--key", str(KEY)).text
    assert both(exports / name) == Exit.DONE


@pytest.mark.parametrize("name", ["all", "selection"])
def test_the_verifier_of_an_export_needs_nothing_of_ours(exports: Path, name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", _WITHOUT_US, "verify.py", ".", "--key", str(KEY)]
    done = subprocess.run(command, cwd=exports / name, capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("good: ")
    assert "__pycache__" not in [file.name for file in (exports / name).iterdir()]


def lines(folder: Path, change: Callable[[list[bytes]], object], name: str = "records.jsonl") -> None:
    found = (folder / name).read_bytes().split(b"\n")[:-1]
    change(found)
    (folder / name).write_bytes(b"".join(line + b"\n" for line in found))


def cut(folder: Path, name: str, by: int) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-by])


def stating(folder: Path, **changes: object) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_bytes())
    file.write_text(json.dumps(manifest | changes))


def swap(records: list[bytes]) -> None:
    records[3], records[4] = records[4], records[3]


def edit(records: list[bytes]) -> None:
    records[300] = records[300].replace(b"192.0.2.", b"192.0.3.") + b" "


TO_ALL: dict[str, tuple[Callable[[Path], object], str]] = {
    "a record changed": (lambda f: lines(f, edit), "record 300 "),
    "two records swapped": (lambda f: lines(f, swap), "record 3 "),
    "a record left out": (lambda f: lines(f, lambda r: r.pop(5)), "record 5 "),
    "a record twice": (lambda f: lines(f, lambda r: r.insert(6, r[5])), "record 6 "),
    "a record more": (lambda f: lines(f, lambda r: r.append(r[-1])), ""),
    "the last records cut off": (lambda f: lines(f, lambda r: r.__delitem__(slice(-3, None))), ""),
    "cut amid a record": (lambda f: cut(f, "records.jsonl", 40), "byte"),
    "a bundle of entries cut": (lambda f: cut(f, "tile/entries/001", 40), "record 511 "),
    "a tile changed": (lambda f: (f / "tile/0/001").write_bytes(bytes(8192)), "record 256 "),
    "a tile gone": (lambda f: (f / "tile/0/001").unlink(), "tile/0/001"),
    "a view changed": (lambda f: cut(f, "records.csv", 1), "records.csv"),
    "the verifier changed": (lambda f: (f / "verify.py").write_text("print('good')"), "verify.py"),
    "a file more": (lambda f: (f / "more").write_text("x"), "more"),
    "a link more": (lambda f: (f / "tile/more").symlink_to("/"), "tile/more"),
    "the records gone": (lambda f: (f / "records.jsonl").unlink(), "records.jsonl"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json"),
    "another count": (lambda f: stating(f, count=5), "manifest.json"),
    "another size": (lambda f: stating(f, size=5), "manifest.json"),
    "a query in a whole log": (lambda f: stating(f, query={"app": "x"}), "manifest.json"),
    "another format": (lambda f: stating(f, format="x"), "format"),
    "a key more in it": (lambda f: stating(f, more=1), "manifest.json"),
    "no keys": (lambda f: (f / "keys.json").write_text('{"keys": []}'), "sign"),
    "an old checkpoint": (lambda f: (f / "checkpoint").write_text(old_checkpoint()), ""),
}


def old_checkpoint() -> str:
    return LOG_KEYS.sign(TreeHead(KEY.name, 0, EMPTY_ROOT), [KEY.id])


@pytest.mark.parametrize("damage", TO_ALL)
def test_both_find_what_is_wrong_with_an_export_and_name_it(log: Path, damage: str) -> None:
    act, named = TO_ALL[damage]
    act(log)
    assert both(log) != Exit.DONE
    assert named in ours(log).text
    assert named in theirs(log).text


OF_RECORDS = ("a record", "two records", "the last", "a bundle", "a tile changed")
HIDDEN = [name for name in TO_ALL if name.startswith(OF_RECORDS)]


@pytest.mark.parametrize("damage", HIDDEN)
def test_a_manifest_that_states_what_was_changed_hides_nothing(log: Path, damage: str) -> None:
    act, named = TO_ALL[damage]
    act(log)
    restated(log)
    assert both(log) == Exit.WRONG
    assert named in ours(log).text.split("\n")[0]
    assert named in theirs(log).text.split("\n")[0]


def without_the_sixth(folder: Path) -> None:
    for name in ("records.jsonl", "proofs.jsonl"):
        lines(folder, lambda found: found.pop(5), name)


TO_SELECTION: dict[str, tuple[Callable[[Path], object], str]] = {
    "a record changed": (lambda f: lines(f, lambda r: r.insert(2, r.pop(2) + b" ")), "record "),
    "two records swapped": (lambda f: lines(f, swap), "record "),
    "a record left out": (lambda f: lines(f, lambda r: r.pop(5)), ""),
    "a proof left out": (lambda f: lines(f, lambda r: r.pop(5), "proofs.jsonl"), ""),
    "both left out": (without_the_sixth, ""),
    "a proof of nothing": (lambda f: lines(f, lambda r: r.insert(0, b"{}"), "proofs.jsonl"), ""),
    "cut amid a record": (lambda f: cut(f, "records.jsonl", 40), "cut off"),
}


@pytest.mark.parametrize("damage", TO_SELECTION)
def test_both_find_what_is_wrong_with_a_selection(selection: Path, damage: str) -> None:
    act, named = TO_SELECTION[damage]
    act(selection)
    restated(selection)
    assert both(selection) != Exit.DONE
    assert named in ours(selection).text
    assert named in theirs(selection).text


def test_a_key_from_elsewhere_is_believed_before_those_of_the_export(log: Path) -> None:
    other = SignerKey.generated(KEY.name).verifier
    assert ours(log, other).code == theirs(log, "--key", str(other)).code == Exit.WRONG


def test_a_selection_shows_no_other_state_of_the_log(selection: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(old_checkpoint())
    evidence = Evidence(tuple(checkpoints_in(kept)))
    assert "export all of it" in ours(selection, evidence=evidence).text
    assert theirs(selection, "--against", str(kept)).code == Exit.FAILED


def test_the_shipped_verifier_takes_no_empty_folder_for_receipts(log: Path, tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    found = theirs(log, "--receipts", str(tmp_path / "receipts"))
    assert found.code == Exit.FAILED
    assert "holds no receipt" in found.text
