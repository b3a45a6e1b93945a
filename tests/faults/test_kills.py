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

    def events(self, since: int) -> list[str]:
        """What was recorded of tickets since then."""
        records = self.witness.stack.records()[since:]
        return [record["event"] for record in records if record["event"].startswith("ticket_")]


@pytest.fixture(scope="module", params=[1, 4], ids=["1 worker", "4 workers"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    faults = tmp_path_factory.mktemp("faults")
    with applied_stack(tmp_path_factory.mktemp("site")) as stack, RedisServer(faults) as redis:
        stack.workers(request.param, redis.url)
        process = stack.serve(program=program(faults))
        stack.ready()
        with Witness(stack) as witness:
            yield Scene(process, request.param, faults, witness)


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_this_step_leaves_the_log_as_it_must_be_and_is_replaced(
    scene: Scene, step: str
) -> None:
    witness, before = scene.witness, scene.witness.log_size()
    arm(scene.faults, step)
    heard = witness.ask(key=f"poll-{step}")
    assert armed(scene.faults) == []
    assert bool(heard.raw) == (step == "mid_response")
    assert heard.body == {}
    assert scene.events(before) == LEFT[step]

    until(lambda: len(workers_of(scene.process)) == scene.workers, "the process that replaces it")
    until(witness.gets_a_ticket, "a ticket")
    invariants.check(witness)
    again = witness.ask(key=f"poll-{step}")
    assert again.body["attempt"] == (2 if "ticket_issued" in LEFT[step] else 1)
    invariants.check(witness)
