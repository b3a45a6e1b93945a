"""The disk says that it did not flush: nothing is delivered off the record, and nothing is recorded twice."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import invariants
from tests.support.faulty_broker import hurry, program
from tests.support.faulty_disk import FaultyDisk, When, faulty_disk
from tests.support.stack import applied_stack, end, until, workers_of
from tests.support.witness import Heard, Witness


@dataclass(frozen=True)
class Scene:
    """A product on a disk that fails as it is told, and who watches."""

    process: "subprocess.Popen[bytes]"
    disk: FaultyDisk
    witness: Witness

    def kill(self) -> None:
        """The process that serves; another takes its place."""
        (worker,) = workers_of(self.process)
        os.kill(worker, signal.SIGKILL)
        until(lambda: workers_of(self.process) not in ([], [worker]), "the process that replaces it")

    def ends(self, since: int) -> list[str]:
        """The events of every attempt that ended since then."""
        records = self.witness.stack.records()[since:]
        return [record["event"] for record in records if record["event"] in invariants.ENDS]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    faults: Path = tmp_path_factory.mktemp("faults")
    hurry(faults)
    disk = faulty_disk(faults)
    preloaded = ("env", *(f"{name}={value}" for name, value in disk.environment.items()))
    with applied_stack(tmp_path_factory.mktemp("site")) as stack:
        process = stack.serve(program=(*preloaded, *program(faults)))
        stack.ready()
        with Witness(stack) as witness:
            yield Scene(process, disk, witness)
        assert end(process) == 0


@pytest.fixture
def scene(served: Scene) -> Iterator[Scene]:
    until(served.witness.gets_a_ticket, "calm")
    yield served
    served.disk.heal()
    until(served.witness.gets_a_ticket, "calm")
    invariants.check(served.witness)


def unavailable(heard: Heard) -> bool:
    return (heard.status, heard.code) == (503, "log_unavailable")


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_intent_that_was_not_flushed_asks_nothing_of_vcenter_and_the_process_may_die(
    scene: Scene, when: When
) -> None:
    minted = len(scene.witness.minted)
    scene.disk.strike("flush", when)
    assert unavailable(scene.witness.ask())
    assert scene.disk.struck
    scene.kill()
    assert len(scene.witness.minted) == minted


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_ticket_whose_outcome_was_not_flushed_is_dropped_and_has_one_end(scene: Scene, when: When) -> None:
    before = scene.witness.log_size()
    scene.witness.at_next_mint(lambda: scene.disk.strike("flush", when))
    assert unavailable(scene.witness.ask())
    assert scene.disk.struck
    scene.kill()
    invariants.check(scene.witness)
    assert scene.ends(before) in (["ticket_unknown"], ["ticket_issued"])


def test_while_nothing_is_flushed_nothing_is_issued_and_everybody_can_see_why(scene: Scene) -> None:
    witness, stack = scene.witness, scene.witness.stack
    minted = len(witness.minted)
    scene.disk.break_down("flush")
    assert all(unavailable(witness.ask()) for _ in range(5))
    readiness = stack.get("/readyz")
    assert (readiness.status_code, readiness.json()["degraded"]) == (503, ["commit_unknown"])
    until(lambda: "the store could not be swept" in stack.said(), "an attempt to recover")
    assert "the store takes nothing until it is opened anew: whether a commit is durable" in stack.said()
    assert unavailable(witness.ask())
    assert len(witness.minted) == minted
