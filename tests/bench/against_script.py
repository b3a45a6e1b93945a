"""(c) How many times the tickets per second of the script that people write today.

One vCenter with all hosts, as a script knows it. How far it looks through the view decides how long it
takes, so it asks for a few hosts that stand evenly from the first to the last: on average it looks through
half of them.
"""

from tests.bench.client_side import ClientSide, running_client
from tests.bench.figures import Figure, rates, samples, side_by_side
from tests.bench.ground import new_ground
from tests.bench.labs import LabSize
from tests.bench.plan import Plan
from tests.bench.served import BrokerSide, serving_broker
from tests.bench.site import Serving

HOSTS = 200
EVENLY = slice(10, None, 20)
CONCURRENCIES = (1, 8)
SCRIPT_S = 6.0
"""A script takes more than half a second for each ticket, so its window is longer."""


def figures(plan: Plan) -> list[Figure]:
    """One script after the other, and eight at once."""
    serving = Serving()
    with (
        new_ground(plan.root / "script", 1, LabSize(HOSTS)) as ground,
        running_client("script", ground, ground.targets[EVENLY]) as script,
        serving_broker(ground, serving) as broker,
    ):
        return [_times(plan, script, broker, each, serving.told()) for each in CONCURRENCIES]


def _times(plan: Plan, script: ClientSide, broker: BrokerSide, concurrency: int, settings: str) -> Figure:
    plan.say(f"(c) the script people write, {concurrency} at once")
    measured = side_by_side(
        plan.rounds,
        lambda: script.measure(concurrency, SCRIPT_S),
        lambda: broker.measure(concurrency, plan.seconds),
    )
    name = f"tickets/s at {concurrency}, of the script's"
    values = samples(measured, lambda written, broker: rates(broker, written))
    return Figure(f"c.{concurrency}", name, "", settings, values)
