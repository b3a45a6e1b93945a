"""One bit that is wrong, wherever it is, is found: in a store by our verifier, in an export by both."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from broker.audit.export.selection import Extra
from broker.cli.exits import Exit
from broker.errors import LogUnavailable
from broker.store.columns import NAMES
from tests.support.bundles import exports_of_one_log, ours, theirs
from tests.support.verifying import verdict_on

FREE = ("generator", "exported_at", "exported_by", "query")
"""What of a manifest nothing in the export vouches for: the log's record of the export does."""
NONE = {"the store has no head of a log", "the store has keys of a log that are none"}
_QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read it only."""
    return exports_of_one_log(tmp_path_factory.mktemp("small"), 2, Extra.PROOF_FILES)


def flipped(content: bytes, at: int) -> bytes:
    bit = at % (8 * len(content))
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


PLACES = [
    *(("record", column) for column in ("hash", "leaf", *NAMES)),
    *(("head", column) for column in ("size", "frontier", "checkpoint", "origin")),
    *(("log_key", column) for column in ("key_id", "origin", "vkey", "from_size")),
]


@_QUICK
@given(place=st.sampled_from(PLACES), row=st.integers(0, 10**6), bit=st.integers(0, 10**6))
def test_in_a_store(small: Path, tmp_path: Path, place: tuple[str, str], row: int, bit: int) -> None:
    file = Path(shutil.copyfile(small / "store.db", tmp_path / "copy.db"))
    table, column = place
    connection = sqlite3.connect(file, isolation_level=None)
    kept = f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY rowid"
    rows = connection.execute(kept).fetchall()
    if rows:
        rowid, value = rows[row % len(rows)]
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (turned(value, bit), rowid))
    connection.close()
    assert not rows or found_wrong(file)


def found_wrong(file: Path) -> bool:
    """Whether it is found, be it that there is no head and no key of a log any more."""
    try:
        return not verdict_on(file).good
    except LogUnavailable as unavailable:
        return unavailable.detail in NONE


def neither_takes_it_for_good(folder: Path) -> bool:
    """Both say so; one may read on where the other cannot."""
    return ours(folder).code != Exit.DONE and theirs(folder).code != Exit.DONE


def turned(value: object, bit: int) -> object:
    """The value with one bit of it turned, of the same type where it can be."""
    match value:
        case int():
            return value ^ 1 << bit % 48
        case str():
            changed = flipped(value.encode(), bit)
            try:
                return changed.decode()
            except UnicodeDecodeError:
                return changed
        case bytes() if value:
            return flipped(value, bit)
    return b"\1"


@_QUICK
@given(name=st.sampled_from(["all", "selection"]), which=st.integers(0, 10**6), bit=st.integers(0, 10**6))
def test_in_an_export(small: Path, tmp_path: Path, name: str, which: int, bit: int) -> None:
    files = sorted(f for f in (small / name).rglob("*") if f.is_file() and f.name != "manifest.json")
    file = files[which % len(files)].relative_to(small / name)
    folder = tmp_path / name
    shutil.copytree(small / name, folder, dirs_exist_ok=True)
    (folder / file).write_bytes(flipped((folder / file).read_bytes(), bit))
    assert neither_takes_it_for_good(folder)


@_QUICK
@given(name=st.sampled_from(["all", "selection"]), bit=st.integers(0, 10**6))
def test_in_a_manifest(small: Path, tmp_path: Path, name: str, bit: int) -> None:
    before = (small / name / "manifest.json").read_bytes()
    changed = flipped(before, bit)
    assume(not nothing_vouches(before, changed))
    folder = tmp_path / name
    shutil.copytree(small / name, folder, dirs_exist_ok=True)
    (folder / "manifest.json").write_bytes(changed)
    assert neither_takes_it_for_good(folder)


def nothing_vouches(before: bytes, changed: bytes) -> bool:
    """Whether the change is in what only the log's own record of the export vouches for."""
    try:
        one, other = json.loads(before), json.loads(changed)
    except ValueError:
        return False
    return one.keys() == other.keys() and all(one[key] == other[key] or key in FREE for key in one)
