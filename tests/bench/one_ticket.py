"""(a) What one ticket takes longer than the bare call."""

from tests.bench.figures import Figure, samples, side_by_side
from tests.bench.measurement import Measurement
from tests.bench.plan import Plan
from tests.bench.pooled import Pooled, pooled
from tests.bench.served import serving_broker
from tests.bench.site import Serving


def figures(plan: Plan) -> list[Figure]:
    """At the default age of proofs, and with a proof for each ticket."""
    with pooled(plan, "one-ticket") as ready:
        return [
            _overhead(ready, "a", Serving()),
            _overhead(ready, "a.age0", Serving(proof_max_age_s=0)),
        ]


def _overhead(ready: Pooled, key: str, serving: Serving) -> Figure:
    plan, bare = ready.plan, ready.bare
    plan.say(f"(a) one ticket at a time: {serving.told()}")
    with serving_broker(ready.ground, serving) as broker:
        measured = side_by_side(
            plan.rounds, lambda: bare.measure(1, plan.seconds), lambda: broker.measure(1, plan.seconds)
        )
    return Figure(key, "one ticket, p50 over the bare call", "ms", serving.told(), samples(measured, _longer))


def _longer(bare: Measurement, broker: Measurement) -> float:
    return broker.answers.latency.p50 - bare.answers.latency.p50
