"""The process that serves has no file descriptor left: nothing is issued off the record, and it heals."""

import resource
from collections.abc import Callable, Iterator

import pytest

from tests.faults.conftest import Scene
from tests.support import invariants
from tests.support.stack import workers_of

ALWAYS_OPEN = 3
"""Standard input, output and error: a limit of as many lets nothing else be opened."""


@pytest.fixture
def take_descriptors(scene: Scene) -> Iterator[Callable[[], object]]:
    """From the call on the process that serves can open nothing. Afterwards it lives on as before."""
    (worker,) = workers_of(scene.process)
    soft, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    yield lambda: resource.prlimit(worker, resource.RLIMIT_NOFILE, (ALWAYS_OPEN, hard))
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (soft, hard))
    assert workers_of(scene.process) == [worker]


def test_without_a_descriptor_for_its_intent_nothing_is_asked_of_vcenter(
    scene: Scene, take_descriptors: Callable[[], object]
) -> None:
    minted = len(scene.witness.minted)
    heard = scene.witness.ask(once_connected=take_descriptors)
    assert (heard.status, heard.code) == (503, "log_unavailable")
    assert len(scene.witness.minted) == minted


def test_a_ticket_whose_outcome_finds_no_descriptor_is_dropped_and_told_as_unknown(
    scene: Scene, take_descriptors: Callable[[], object]
) -> None:
    before = scene.witness.log_size()
    scene.witness.at_next_mint(take_descriptors)
    heard = scene.witness.ask()
    assert (heard.status, heard.code) == (503, "log_unavailable")
    invariants.check(scene.witness)
    assert scene.ends(before) == [("ticket_unknown", "recovered_orphan")]
