"""The disk is full: nothing is issued off the record, what runs is concluded, and room makes it well."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.clock import SystemClock
from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from tests.support import invariants
from tests.support.faulty_broker import hurry, program
from tests.support.log_keys import LOG_KEYS
from tests.support.small_disk import INSIDE, may_be_had, mounted, rerun
from tests.support.stack import applied_stack, end, until, workers_of
from tests.support.whole_log import check_tree
from tests.support.witness import Heard, Witness

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Scene:
    """A product whose disk can be full, and have room again."""

    witness: Witness
    fill: Callable[[int], object]
    """Leaves so many bytes."""
    empty: Callable[[], object]


def allow_files(process: "subprocess.Popen[bytes]", size: int) -> None:
    """Let the process that serves write no file beyond so many bytes: to it, that is a full disk."""
    (worker,) = workers_of(process)
    _, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, hard))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """On a disk of 16 MiB, 1 MiB of them its reserve, in a namespace; else the process finds no room."""
    faults = tmp_path_factory.mktemp("faults")
    hurry(faults)
    with ExitStack() as closing:
        stack = closing.enter_context(applied_stack(tmp_path_factory.mktemp("site")))
        stack.edit("server.yaml", lambda server: server.update(disk_reserve_mib=1))
        if INSIDE:
            disk = closing.enter_context(mounted(stack.store.parent, 16 * MIB))
        process = stack.serve(program=program(faults))
        closing.callback(end, process)
        stack.ready()
        witness = closing.enter_context(Witness(stack))
        if INSIDE:
            yield Scene(witness, disk.fill, disk.empty)
        else:
            yield Scene(
                witness,
                lambda left: allow_files(process, left),
                lambda: allow_files(process, resource.RLIM_INFINITY),
            )


@pytest.fixture
def scene(served: Scene) -> Iterator[Scene]:
    until(served.witness.gets_a_ticket, "calm")
    yield served
    served.empty()
    until(served.witness.gets_a_ticket, "calm")
    invariants.check(served.witness)


def unavailable(heard: Heard) -> bool:
    return (heard.status, heard.code) == (503, "log_unavailable")


def test_without_room_nothing_is_asked_of_vcenter(scene: Scene) -> None:
    witness = scene.witness
    minted = len(witness.minted)
    scene.fill(0)
    assert all(unavailable(witness.ask()) for _ in range(5))
    assert len(witness.minted) == minted


def test_a_ticket_whose_outcome_finds_no_room_is_dropped_and_told_as_unknown(scene: Scene) -> None:
    witness, before = scene.witness, scene.witness.log_size()
    witness.at_next_mint(lambda: scene.fill(0))
    assert unavailable(witness.ask())
    scene.empty()
    until(witness.gets_a_ticket, "a ticket")
    invariants.check(witness)
    ends = [r for r in witness.stack.records()[before:] if r["event"] in invariants.ENDS]
    assert sorted(r["event"] for r in ends) == ["ticket_issued", "ticket_unknown"]


if INSIDE:

    def test_in_the_reserve_what_runs_is_concluded_and_nothing_is_begun(scene: Scene) -> None:
        witness = scene.witness
        witness.at_next_mint(lambda: scene.fill(256 * KIB))
        assert witness.ask().status == 200
        minted = len(witness.minted)
        assert unavailable(witness.ask())
        assert len(witness.minted) == minted
        assert witness.stack.get("/readyz").json()["degraded"] == ["disk_reserve"]

    def test_a_store_whose_files_find_no_inode_is_not_opened_until_they_do(tmp_path: Path) -> None:
        folder = tmp_path / "state"
        folder.mkdir(mode=0o700)
        with mounted(folder, MIB) as disk:
            inodes, database = 1, None
            while database is None:
                inodes += 1
                disk.allow(inodes)
                with suppress(LogUnavailable):
                    database = Database.open(folder / "store.db", SystemClock(), LOG_KEYS)
            assert inodes == 1 + len(list(folder.iterdir())) > 4
            database.write(Reserve.NONE, lambda t: t.append([Record(Event.PROCESS_STARTED, {})]))
            assert check_tree(database) == 1
            database.close()

elif may_be_had():

    def test_all_of_it_holds_on_a_small_disk_too() -> None:
        done = rerun(__file__)
        assert done.returncode == 0, done.stdout
