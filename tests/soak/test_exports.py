"""Exports of a log that would not fit into the memory that they take."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.many_records import fill
from tests.support.outsider import outsiders_check
from tests.support.tools import ROOT

FEW, MANY = 1000, 100_000
GROWTH_KIB = 8 * 1024
"""From the small export to the large one; the records alone are several times as much."""

_MEASURED = """
import re, sys
from pathlib import Path
from broker.cli import main
try:
    main(sys.argv[1:])
finally:
    print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""
"""Not by rusage, which counts what the parent had before it became this program."""

pytestmark = pytest.mark.soak


@pytest.mark.timeout(300)
def test_an_export_takes_no_more_memory_however_long_the_log_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    LOG_KEYS.write(keys)
    needed = {size: resident_kib(tmp_path, keys, size) for size in (FEW, MANY)}
    with capsys.disabled():
        print(f"\n{needed} KiB", end="", flush=True)
    written = tmp_path / f"export-{MANY}" / "records.jsonl"
    assert written.stat().st_size // 1024 > 4 * GROWTH_KIB
    assert needed[MANY] - needed[FEW] < GROWTH_KIB
    (key,) = LOG_KEYS.verifiers()
    told = MANY + 1  # that a log of this size has no high-water mark yet
    assert f"Successfully fsck'd log with size {told} " in outsiders_check(written.parent, str(key), tmp_path)


def resident_kib(folder: Path, keys: Path, records: int) -> int:
    """What a process needed at most that exported the whole log, its tiles and a table."""
    state = folder / f"state-{records}"
    state.mkdir(mode=0o700)
    fill(state / "broker.db", records, HandClock())
    store = ("--store", str(state / "broker.db"), "--audit-keys", str(keys))
    command = ("audit", "export", str(folder / f"export-{records}"), "--csv", *store)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stderr.splitlines()[-1])
