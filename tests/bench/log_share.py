"""(k) How long the log makes an issuance wait, at half the rate that the way of a request reaches here.

`issue()` in this very process, its vCenter a stub: first each thread takes one ticket after the other, which
tells the rate that can be had; then tickets are asked for at half of that, at moments that chance alone
spreads, whether the one before has come or not.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import perf_counter, sleep

from tests.bench.cpu import Stopwatch
from tests.bench.figures import Figure, Sample, samples
from tests.bench.flushing import FlushSide, flushing
from tests.bench.loop import Loop
from tests.bench.measurement import Answers, Latency, Measurement
from tests.bench.plan import Plan
from tests.bench.stubbed import StubbedWay, stubbed_way

THREADS = 16
SHARE = 0.5


def figures(plan: Plan) -> list[Figure]:
    """The middle and the tail of the wait for intent and outcome together, and what of it the disk takes."""
    root = plan.root / "share"
    with stubbed_way(root) as way, flushing(root / "flushed") as loop:
        rounds = [_round(plan, number, way, loop) for number in range(1, plan.rounds + 1)]
    p50 = samples(rounds, lambda _flushed, _full, share: share.answers.latency.p50)
    p99 = tuple(Sample(share.answers.latency.p99) for _, _, share in rounds)
    flushes = tuple(Sample(_flushes(flushed, share)) for flushed, _, share in rounds)
    what = "wait of an issuance for the log at half the rate"
    return [
        Figure("k", f"{what}, p50", "ms", "", p50),
        Figure("k.tail", f"{what}, p99", "ms", "", p99),
        Figure("k.flushes", "that p50, of two of the fdatasync loop's writes", "", "", flushes),
    ]


def _flushes(flushed: Measurement, share: Measurement) -> float:
    """Nobody can wait for less than both writes."""
    return share.answers.latency.p50 / (2 * flushed.answers.latency.p50)


def _round(plan: Plan, number: int, way: StubbedWay, loop: FlushSide) -> tuple[Measurement, ...]:
    plan.say(f"(k) the log's share of an issuance, {number}")
    flushed, full = loop.measure(plan.seconds), _at_full_rate(way, plan.seconds)
    return flushed, full, _at_rate(way, SHARE * full.answers.rate, plan.seconds)


def _at_full_rate(way: StubbedWay, seconds: float) -> Measurement:
    loop = Loop(way.issue, [None], THREADS, seconds)
    with ThreadPoolExecutor(THREADS) as pool:
        running = loop.warm(pool)
        watch = Stopwatch(labs=[], load=[], broker=[os.getpid()])
        taken = loop.measure(running)
    return Measurement("issue", THREADS, Answers.of_loops(taken, failed=0), watch.read())


def _at_rate(way: StubbedWay, rate: float, seconds: float) -> Measurement:
    """The share alone, so without the stub's time and whatever else the way takes."""
    way.ledger.microseconds.clear()
    watch = Stopwatch(labs=[], load=[], broker=[os.getpid()])
    began = perf_counter()
    moments = iter([began + moment for moment in arrivals(rate, seconds)])
    with ThreadPoolExecutor(THREADS) as pool:
        for each in [pool.submit(_issue_at, moments, way) for _ in range(THREADS)]:
            each.result()
    waits = way.ledger.microseconds
    reached = len(waits) / (perf_counter() - began)
    answers = Answers(len(waits), 0, reached, Latency.of(waits))
    return Measurement("the log's share", THREADS, answers, watch.read())


def _issue_at(moments: Iterator[float], way: StubbedWay) -> None:
    """Whichever thread is free takes the next moment."""
    for moment in moments:
        sleep(max(0.0, moment - perf_counter()))
        way.issue()


def arrivals(rate: float, seconds: float) -> list[float]:
    """Seconds from the start at which somebody asks: as many as come in that time, the same in every run."""
    chance, moment, moments = Random(1), 0.0, []
    while (moment := moment + chance.expovariate(rate)) < seconds:
        moments.append(moment)
    return moments
