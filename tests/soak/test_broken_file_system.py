"""The kernel finds an error in the store's file system and lets nobody write: nothing is issued then.

What was not flushed by then is lost, as when the power is cut.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import invariants
from tests.support.breakable_disk import BreakableDisk, breakable, may_be_had
from tests.support.stack import Stack, applied_stack, end, until
from tests.support.witness import Heard, Witness

APPS = 4

pytestmark = pytest.mark.soak


@dataclass
class Scene:
    """A product whose disk breaks, and is mended while nothing runs."""

    stack: Stack
    disk: BreakableDisk
    process: "subprocess.Popen[bytes]"

    def end(self) -> None:
        """Its process; the last words do not find a place in the log."""
        end(self.process)

    def start_mended(self) -> None:
        self.disk.mend()
        self.process = self.stack.serve()
        self.stack.ready()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with applied_stack(tmp_path) as stack, breakable(stack.store.parent) as disk:
        stack.edit("server.yaml", lambda server: server.update(disk_reserve_mib=1))
        scene = Scene(stack, disk, stack.serve())
        stack.ready()
        yield scene
        scene.end()


def unavailable(heard: Heard) -> bool:
    return (heard.status, heard.code) == (503, "log_unavailable")


@contextmanager
def watching_on(scene: Scene, witness: Witness) -> Iterator[Witness]:
    """One who remembers what the other saw, once tickets are issued again."""
    with Witness(scene.stack) as again:
        again.minted, again.heard, again.tokens = witness.minted, witness.heard, witness.tokens
        until(again.gets_a_ticket, "a ticket")
        yield again


if may_be_had():

    def test_nothing_is_asked_of_vcenter_and_readiness_says_why(scene: Scene) -> None:
        with Witness(scene.stack) as witness:
            until(witness.gets_a_ticket, "a ticket")
            minted = len(witness.minted)
            scene.disk.break_down()
            assert all(unavailable(witness.ask()) for _ in range(5))
            assert len(witness.minted) == minted
            readiness = scene.stack.get("/readyz")
            assert (readiness.status_code, readiness.json()["degraded"]) == (503, ["store_read_only"])
        check_mended(scene, witness, [])

    def test_a_ticket_that_was_being_made_is_dropped_and_told_as_unknown(scene: Scene) -> None:
        with Witness(scene.stack) as witness:
            until(witness.gets_a_ticket, "a ticket")
            witness.at_next_mint(scene.disk.break_down)
            assert unavailable(witness.ask())
        check_mended(scene, witness, ["ticket_unknown"])

    @pytest.mark.parametrize("attempt", range(5))
    def test_what_was_delivered_before_is_on_record_whatever_of_the_files_was_lost(
        scene: Scene, attempt: int
    ) -> None:
        """Under load, so that the disk breaks amid commits; what was not flushed is gone."""
        with Witness(scene.stack) as witness:
            with witness.asking(APPS):
                witness.hears(20 * (attempt + 1))
                scene.disk.break_down()
                witness.hears(2 * APPS)
            assert len(witness.delivered()) > 10
        scene.end()
        scene.start_mended()
        with watching_on(scene, witness) as again:
            invariants.check(again)

    def check_mended(scene: Scene, witness: Witness, ends: list[str]) -> None:
        """What stands in the log once the disk is mended, and whether tickets are issued again."""
        scene.end()
        before = len(witness.delivered())
        scene.start_mended()
        with watching_on(scene, witness) as again:
            records = invariants.check(again)
        ended = [record["event"] for record in records if record["event"] in invariants.ENDS]
        assert sorted(ended) == sorted([*["ticket_issued"] * (before + 1), *ends])
