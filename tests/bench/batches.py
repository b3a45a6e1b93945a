"""(d) Tickets per second in batches, of those of the bare client at the same concurrency.

One batch after the other: as many hosts are under way as the bare client has threads, save at the end of
each. A batch is for one vCenter, so here one has all hosts; at this concurrency it is far from busy. The
percentiles that are told of this side are of whole batches.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.child import Child, running_child
from tests.bench.cpu import Stopwatch
from tests.bench.figures import Figure, rates, samples, side_by_side
from tests.bench.ground import Ground
from tests.bench.measurement import Answers, Latency, Measurement
from tests.bench.plan import Plan
from tests.bench.pooled import HOSTS, Pooled, pooled
from tests.bench.served import BrokerSide, serving_broker
from tests.bench.site import Serving

BATCH = 100
CONCURRENCY = 8


class BatchSide:
    """The reader's process and the broker that it asks."""

    def __init__(self, child: Child, ground: Ground, broker: BrokerSide) -> None:
        self._child = child
        self._ground = ground
        self._broker = broker
        self._batches = [_batch(ground, start) for start in range(0, HOSTS, BATCH)]
        child.send({"port": ground.site.port, "ca_file": str(ground.site.broker_ca)})

    def measure(self, seconds: float) -> Measurement:
        """Batches until the time is up, the last one to its end."""
        token = self._broker.access_token()
        self._child.send({"token": token, "batches": self._batches, "seconds": seconds})
        self._child.answer()
        watch = Stopwatch(self._ground.lab_pids, load=[self._child.pid], broker=self._broker.processes)
        self._child.send("go")
        told = self._child.answer()
        rate, latency = told["tickets"] / told["seconds"], Latency.of(told["batches"])
        answers = Answers(told["tickets"], told["failed"], rate, latency)
        return Measurement("batches", CONCURRENCY, answers, watch.read())


def _batch(ground: Ground, start: int) -> dict[str, object]:
    (lab,) = ground.labs
    hosts = [name for name, _ in lab.hosts[start : start + BATCH]]
    return {"vcenter": lab.id, "hosts": hosts, "concurrency": CONCURRENCY}


def figures(plan: Plan) -> list[Figure]:
    """At the default age of proofs, and with a proof for each ticket."""
    with pooled(plan, "batches", labs=1) as ready:
        return [_ratio(ready, "d", Serving()), _ratio(ready, "d.age0", Serving(proof_max_age_s=0))]


def _ratio(ready: Pooled, key: str, serving: Serving) -> Figure:
    plan, bare = ready.plan, ready.bare
    plan.say(f"(d) batches of {BATCH} hosts, {CONCURRENCY} at once: {serving.told()}")
    with _reading(ready.ground, serving) as batches:
        measured = side_by_side(
            plan.rounds,
            lambda: bare.measure(CONCURRENCY, plan.seconds),
            lambda: batches.measure(plan.seconds),
        )
    name = f"tickets/s in batches at {CONCURRENCY}, of the bare client's"
    return Figure(
        key, name, "", serving.told(), samples(measured, lambda bare, batches: rates(batches, bare))
    )


@contextmanager
def _reading(ground: Ground, serving: Serving) -> Iterator[BatchSide]:
    with serving_broker(ground, serving) as broker, running_child("tests.bench.reader") as child:
        yield BatchSide(child, ground, broker)
