"""What the parts stand on that hold the broker against the bare pooled client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.client_side import ClientSide, running_client
from tests.bench.ground import Ground, new_ground
from tests.bench.labs import LabSize
from tests.bench.plan import Plan

LABS = 3
"""As many as it takes that none is what is measured, with the fastest client on two cores."""

HOSTS = 200


@dataclass(frozen=True, slots=True)
class Pooled:
    """The plan, the vCenters with a policy for them, and the running client."""

    plan: Plan
    ground: Ground
    bare: ClientSide


@contextmanager
def pooled(plan: Plan, part: str, labs: int = LABS) -> Iterator[Pooled]:
    """In a directory of the part's own; all ends with the block."""
    with (
        new_ground(plan.root / part, labs, LabSize(HOSTS)) as ground,
        running_client("bare", ground, ground.targets) as bare,
    ):
        yield Pooled(plan, ground, bare)
