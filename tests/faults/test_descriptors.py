"""The process that serves has no file descriptor left: nothing is issued off the record, and it heals."""

import resource
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.faults.conftest import Scene
from tests.support import invariants
from tests.support.stack import workers_of


@pytest.fixture
def worker(scene: Scene) -> Iterator[int]:
    """Who serves; afterwards with as many descriptors as before."""
    (pid,) = workers_of(scene.process)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    yield pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert workers_of(scene.process) == [pid], "it lives on"


def take_descriptors(worker: int, left: int) -> None:
    """Leave the process so many that are free."""
    looks = [{int(entry.name) for entry in Path(f"/proc/{worker}/fd").iterdir()} for _ in range(100)]
    used = set.intersection(*looks)  # without what is opened for a moment
    free = (number for number in count() if number not in used)
    for _ in range(left):
        next(free)
    _, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (next(free), hard))


def test_with_a_descriptor_for_the_request_alone_nothing_is_asked_of_vcenter(
    scene: Scene, worker: int
) -> None:
    minted = len(scene.witness.minted)
    take_descriptors(worker, left=1)
    assert {scene.witness.ask().code for _ in range(5)} == {"log_unavailable"}
    assert len(scene.witness.minted) == minted


def test_a_ticket_whose_outcome_finds_no_descriptor_is_dropped_and_told_as_unknown(
    scene: Scene, worker: int
) -> None:
    before = scene.witness.log_size()
    scene.witness.at_next_mint(lambda: take_descriptors(worker, left=0))
    heard = scene.witness.ask()
    assert (heard.status, heard.code) == (503, "log_unavailable")
    invariants.check(scene.witness)
    assert scene.ends(before) == [("ticket_unknown", "recovered_orphan")]
