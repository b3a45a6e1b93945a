"""A process is killed at each step of an issuance: what stands in the log, and whether service goes on."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import invariants
from tests.support.faulty_broker import STEPS, arm, armed, program
from tests.support.redis_server import RedisServer
from tests.support.stack import applied_stack, until, workers_of
from tests.support.witness import Witness
from tests.support.working import ready_workers

BATCH = 8
"""Hosts in the grant's scope."""

IN_A_BATCH = ("inside_intent", "during_call", "inside_outcome", "mid_response")
"""Where others of the batch are at other steps."""

LEFT = {
    "before_intent": [],
    "inside_intent": [],
    "after_intent": ["ticket_intent"],
    "during_call": ["ticket_intent"],
    "after_reply": ["ticket_intent"],
    "inside_outcome": ["ticket_intent"],
    "after_outcome": ["ticket_intent", "ticket_issued"],
    "mid_response": ["ticket_intent", "ticket_issued"],
}
"""What the log holds of an issuance whose process was killed there."""


@dataclass(frozen=True)
class Scene:
    """A product that serves, what kills it, and who watches."""

    process: "subprocess.Popen[bytes]"
    workers: int
    faults: Path
    witness: Witness

    def ready(self) -> int:
        """How many processes have been ready so far."""
        return ready_workers(self.witness.stack)

    def replaced(self, ready: int) -> None:
        """Wait for the process that takes the place of the killed one, when so many had been ready before."""
        until(lambda: self.ready() > ready, "the process that replaces it")
        assert len(workers_of(self.process)) == self.workers

    def hosts(self) -> list[str]:
        """Those in the grant's scope."""
        shown = self.witness.stack.lab.control.hosts()
        return [host["name"] for host in shown if "cluster-01" in host["path"]]

    def events(self, since: int) -> list[str]:
        """What was recorded of tickets since then."""
        records = self.witness.stack.records()[since:]
        return [record["event"] for record in records if record["event"].startswith("ticket_")]


@pytest.fixture(scope="module", params=[1, 4], ids=["1 worker", "4 workers"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    faults = tmp_path_factory.mktemp("faults")
    with (
        applied_stack(tmp_path_factory.mktemp("site"), hosts=2 * BATCH) as stack,
        RedisServer(faults) as redis,
    ):
        stack.workers(request.param, redis.url)
        process = stack.serve(program=program(faults))
        until(lambda: ready_workers(stack) >= request.param, "all workers")
        with Witness(stack) as witness:
            yield Scene(process, request.param, faults, witness)


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_this_step_leaves_the_log_as_it_must_be_and_is_replaced(
    scene: Scene, step: str
) -> None:
    witness, before, ready = scene.witness, scene.witness.log_size(), scene.ready()
    arm(scene.faults, step)
    heard = witness.ask(key=f"poll-{step}")
    assert armed(scene.faults) == []
    assert bool(heard.raw) == (step == "mid_response")
    assert heard.body == {}
    assert scene.events(before) == LEFT[step]

    scene.replaced(ready)
    until(witness.gets_a_ticket, "a ticket")
    invariants.check(witness)
    again = witness.ask(key=f"poll-{step}")
    assert again.body["attempt"] == (2 if "ticket_issued" in LEFT[step] else 1)
    invariants.check(witness)


@pytest.mark.parametrize("step", IN_A_BATCH)
def test_of_a_batch_whose_process_is_killed_every_line_and_every_ticket_is_on_record(
    scene: Scene, step: str
) -> None:
    witness, hosts, ready = scene.witness, scene.hosts(), scene.ready()
    arm(scene.faults, step)
    lines = witness.ask_batch(hosts)
    assert armed(scene.faults) == []
    assert len(lines) < len(hosts), "its process was killed"

    scene.replaced(ready)
    until(witness.gets_a_ticket, "a ticket")
    invariants.check(witness)
