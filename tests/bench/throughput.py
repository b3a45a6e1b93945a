"""(b) Tickets per second on many connections, and how late the last ones come."""

from collections.abc import Sequence
from dataclasses import replace

from tests.bench.figures import Figure, rates, samples, side_by_side
from tests.bench.measurement import Measurement
from tests.bench.plan import Plan
from tests.bench.pooled import Pooled, pooled
from tests.bench.redis import RunningRedis, running_redis
from tests.bench.served import BrokerSide, serving_broker
from tests.bench.site import Serving

WORKERS = (1, 2, 3, 4)
JUDGED_AT = 32
OTHERS = (1, 8, 128)
TAIL_AT = 128


def figures(plan: Plan) -> list[Figure]:
    """Each number of workers at 32; the best of them at the other concurrencies, and at 32 with age 0."""
    with pooled(plan, "throughput") as ready, running_redis() as redis:
        servings = [serving_with(workers, redis) for workers in WORKERS]
        tried = [_alone(ready, f"b.{JUDGED_AT}.workers{each.workers}", each) for each in servings]
        best = best_of(tried)
        return [replace(tried[best], key=f"b.{JUDGED_AT}"), *tried, *_beside(ready, servings[best])]


def serving_with(workers: int, redis: RunningRedis) -> Serving:
    """One process needs no Redis, and gets none."""
    return Serving() if workers == 1 else Serving(workers=workers, redis=redis)


def best_of(tried: Sequence[Figure]) -> int:
    """The place of the highest ratio; one that is void counts as none."""
    return max(range(len(tried)), key=lambda place: tried[place].value or 0.0)


def _alone(ready: Pooled, key: str, serving: Serving) -> Figure:
    with serving_broker(ready.ground, serving) as broker:
        return _ratio(key, serving, _measured(ready, broker, serving, JUDGED_AT))


def _beside(ready: Pooled, serving: Serving) -> list[Figure]:
    """At the other concurrencies, and at age 0."""
    with serving_broker(ready.ground, serving) as broker:
        measured = {each: _measured(ready, broker, serving, each) for each in OTHERS}
    told = [_ratio(f"b.{each}", serving, measured[each]) for each in OTHERS]
    tail = _tail(f"b.{TAIL_AT}.tail", serving, measured[TAIL_AT])
    return [*told, tail, _alone(ready, f"b.{JUDGED_AT}.age0", replace(serving, proof_max_age_s=0))]


def _measured(
    ready: Pooled, broker: BrokerSide, serving: Serving, concurrency: int
) -> list[tuple[Measurement, ...]]:
    plan, bare = ready.plan, ready.bare
    plan.say(f"(b) {concurrency} at once: {serving.told()}")
    return side_by_side(
        plan.rounds,
        lambda: bare.measure(concurrency, plan.seconds),
        lambda: broker.measure(concurrency, plan.seconds),
    )


def _ratio(key: str, serving: Serving, measured: Sequence[tuple[Measurement, ...]]) -> Figure:
    name = f"tickets/s at {measured[0][0].concurrency}, of the bare client's"
    return Figure(key, name, "", serving.told(), samples(measured, lambda bare, broker: rates(broker, bare)))


def _tail(key: str, serving: Serving, measured: Sequence[tuple[Measurement, ...]]) -> Figure:
    alone = [(broker,) for _, broker in measured]
    return Figure(key, f"p99 at {TAIL_AT}, of p50", "", serving.told(), samples(alone, _tail_of))


def _tail_of(broker: Measurement) -> float:
    return broker.answers.latency.p99 / broker.answers.latency.p50
