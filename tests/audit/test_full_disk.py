"""No room on the disk, at each record: nothing is taken, and it heals without a restart."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_without_room_no_record_is_taken_and_with_room_again_every_one_is(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.full_disk_child", str(tmp_path / "store.db")]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert set(map(tuple, told["said"].values())) == {("log_unavailable", "log_unavailable", "taken")}
    assert told["contiguous"]
    assert told["records"] == 12
