"""A log of very many records is checked in flat memory, by processes side by side."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.many_records import fill
from tests.support.verifying import damaged

RECORDS = 80_000
MOST_MIB = 120
_MEASURED = """
import re, resource, sys
from pathlib import Path
from broker.cli import main
try:
    main(sys.argv[1:], prog_name="broker")
finally:
    own = re.search("VmHWM:\\\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]
    for kib in (int(own), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss):
        print(kib // 1024, file=sys.stderr)
"""


@pytest.mark.soak
def test_memory_does_not_grow_with_the_log_and_the_one_wrong_record_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    store = folder / "store.db"
    fill(store, RECORDS, HandClock())
    damaged(store, "UPDATE record SET app = 'nobody' WHERE seq = 55555")
    (key,) = LOG_KEYS.verifiers()
    command = [sys.executable, "-c", _MEASURED, "audit", "verify", str(store), "--format", "json"]
    done = subprocess.run([*command, "--key", str(key)], capture_output=True, text=True, check=False)
    verdict = json.loads(done.stdout)
    assert verdict["checked"]["records"] == RECORDS
    assert [(one["kind"], one["index"]) for one in verdict["findings"]] == [("columns", 55555)]
    assert max(map(int, done.stderr.split())) < MOST_MIB
