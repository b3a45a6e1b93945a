"""(f) The broker's CPU for one ticket when there are ten times as many hosts, apps or grants.

As a ratio to what a ticket costs with few of all, measured beside it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.figures import Figure, samples, side_by_side
from tests.bench.ground import Ground, new_ground
from tests.bench.labs import LabSize
from tests.bench.measurement import Measurement
from tests.bench.plan import Plan
from tests.bench.served import serving_broker
from tests.bench.site import Serving, Sizes

HOSTS, APPS, GRANTS = 200, 10, 10
TENFOLD = 10
CONCURRENCY = 8


@dataclass(frozen=True, slots=True)
class _Size:
    """`grants` are those of the app that asks, each on a cluster of its own; the other apps have one each."""

    what: str
    hosts: int = HOSTS
    apps: int = APPS
    grants: int = GRANTS

    def told(self) -> str:
        return f"{self.hosts} hosts, {self.apps} apps, {self.grants} grants"

    def ground(self, root: Path) -> AbstractContextManager[Ground]:
        lab = LabSize(self.hosts, clusters=self.grants)
        return new_ground(root / self.what, 1, lab, Sizes(self.apps, self.grants))


SMALL = _Size("small")
GROWN = (
    _Size("hosts", hosts=TENFOLD * HOSTS),
    _Size("apps", apps=TENFOLD * APPS),
    _Size("grants", grants=TENFOLD * GRANTS),
)


def figures(plan: Plan) -> list[Figure]:
    """One of them grown at a time, each beside a broker that is small in all."""
    with SMALL.ground(plan.root) as small:
        return [_grown(plan, small, size) for size in GROWN]


def _grown(plan: Plan, small: Ground, size: _Size) -> Figure:
    plan.say(f"(f) {size.told()}, beside {SMALL.told()}")
    serving = Serving()
    with (
        size.ground(plan.root) as ground,
        serving_broker(ground, serving) as large_broker,
        serving_broker(small, serving) as small_broker,
    ):
        measured = side_by_side(
            plan.rounds,
            lambda: replace(small_broker.measure(CONCURRENCY, plan.seconds), side="small"),
            lambda: replace(large_broker.measure(CONCURRENCY, plan.seconds), side="large"),
        )
    name = f"CPU of a ticket with {size.told()}"
    return Figure(f"f.{size.what}", name, "", serving.told(), samples(measured, _dearer))


def _dearer(small: Measurement, large: Measurement) -> float:
    return cost(large) / cost(small)


def cost(measured: Measurement) -> float:
    """Milliseconds of the broker's CPU for a ticket."""
    return 1000 * measured.cpu.broker / measured.answers.tickets
