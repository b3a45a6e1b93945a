"""One product whose every part a test can break, and one who watches from outside."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import invariants
from tests.support.faulty_broker import program
from tests.support.stack import Stack, applied_stack, until
from tests.support.wire import Wire
from tests.support.witness import Witness

MINT = "AcquireCimServicesTicket"
CALL_TIMEOUT_S = 2


@dataclass(frozen=True)
class Scene:
    """A product that serves, the wire to its vCenter, and who watches."""

    stack: Stack
    process: "subprocess.Popen[bytes]"
    wire: Wire
    faults: Path
    witness: Witness

    def calm(self) -> None:
        """Take back what a test broke, and wait until tickets are issued again."""
        self.wire.heal()
        self.stack.lab.control.set_latency("*", 0)
        self.stack.lab.control.set_latency(MINT, 0)
        until(self.witness.gets_a_ticket, "calm")

    def ends(self, since: int) -> list[tuple[str, str]]:
        """(event, reason) of every attempt that ended since then."""
        ended = [r for r in self.stack.records()[since:] if r["event"] in invariants.ENDS]
        return [(r["event"], r["fields"].get("reason", "")) for r in ended]


@pytest.fixture(autouse=True)
def _at_full_speed(no_cover: None) -> None:
    """Measure what the product's processes do, and not the lab that they talk to, at a third of its speed."""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Applied, served, ready; shared by tests that take back what they broke."""
    faults = tmp_path_factory.mktemp("faults")
    with applied_stack(tmp_path_factory.mktemp("site")) as stack, Wire(stack.lab.vcenter_port) as wire:
        change = {"port": wire.port, "call_timeout_s": CALL_TIMEOUT_S}
        stack.edit("vcenters.yaml", lambda vcenters: vcenters["vcenters"]["lab"].update(change))
        process = stack.serve(program=program(faults))
        stack.ready()
        with Witness(stack) as witness:
            yield Scene(stack, process, wire, faults, witness)


@pytest.fixture
def scene(served: Scene) -> Iterator[Scene]:
    """All is well before, and again after the test, and the invariants hold."""
    served.calm()
    yield served
    served.calm()
    invariants.check(served.witness)
