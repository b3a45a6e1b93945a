"""No room on the disk, or no right to write, at each write: nothing is taken, and it heals by itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_RECORD = {
    "assertion",
    "applied put",
    "heard",
    "own role",
    "own permission",
    "process",
    "reload",
    "process leaves",
}
ANSWERS = {"late result": "late_result", "opening of a window": "too_many_refusals"}
"""What those two doors say once they could make their record."""


@pytest.mark.parametrize("trouble", ["no_room", "read_only"])
def test_without_its_record_nothing_is_taken_and_afterwards_all_of_it_is(
    tmp_path: Path, trouble: str
) -> None:
    command = [sys.executable, "-m", "tests.support.full_disk_child", trouble, str(tmp_path / "store.db")]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    said = json.loads(finished.stdout)
    refused = ["log_unavailable", "log_unavailable"]
    assert said["told"] == {
        door: [*refused, ANSWERS.get(door, "taken"), 0, int(door not in WITHOUT_RECORD)]
        for door in said["told"]
    }
    assert len(said["told"]) == 30
    assert said["contiguous"]
