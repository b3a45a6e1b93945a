"""The meters of ports/metering.py, on prometheus_client: the one file that makes its metrics."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from broker import __version__
from broker.errors import BrokerError, Reason
from broker.metrics import families
from broker.metrics.families import NONE, OTHER, Family
from broker.model.applied import DriftKind
from broker.model.health import Condition, Degraded, LogStanding
from broker.model.names import VcenterId
from broker.policy.watched import Watched
from broker.ports.metering import CallResult, Stop, Stops, VcenterLoad, WayEnd

METHODS = frozenset(
    {
        "AcquireCimServicesTicket",
        "CreateContainerView",
        "CreateFilter",
        "CreatePropertyCollector",
        "DestroyPropertyCollector",
        "DestroyView",
        "FetchUserPrivilegeOnEntities",
        "FindAllByDnsName",
        "FindAllByIp",
        "Login",
        "Logout",
        "RetrievePropertiesEx",
        "RetrieveServiceContent",
        "WaitForUpdatesEx",
    }
)
"""The calls that the serving side makes, by the names of the API; others would be shown as `other`."""

_WAIT = "WaitForUpdatesEx"
_MULTIPROCESS = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")


class NotMeasurable(BrokerError):
    """The library would not measure as it has to."""


def new_registry() -> CollectorRegistry:
    """A registry of our own, with what the library says of process and interpreter.

    Each process shows its own numbers, so the mode in which processes share files is refused, which
    nothing but an environment variable turns on. Raises NotMeasurable.
    """
    if found := [name for name in _MULTIPROCESS if name in os.environ]:
        raise NotMeasurable(f"{found[0]} is set in the environment, which nothing here works with: unset it")
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it out
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    build = _gauge(families.BUILD_INFO, registry)
    build.labels(__version__, ".".join(str(part) for part in sys.version_info[:3])).set(1)
    return registry


class PrometheusMeter:
    """Every meter. Thread-safe; what is measured for each ticket costs some microseconds in sum."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = _counter(families.TICKET_REQUESTS, registry)
        stops = _histogram(families.STOP_SECONDS, registry)
        self._stops = {stop: stops.labels(stop.value) for stop in Stop}
        self._proof_age = _histogram(families.PROOF_AGE_SECONDS, registry)
        self._answers = _counter(families.HTTP_REQUESTS, registry)
        self._answer_seconds = _histogram(families.HTTP_REQUEST_SECONDS, registry)
        self._refusals = _counter(families.REFUSALS, registry)
        self._calls = _counter(families.VCENTER_CALLS, registry)
        self._call_seconds = _histogram(families.VCENTER_CALL_SECONDS, registry)
        commits = _counter(families.STORE_COMMITS, registry)
        self._durable, self._lost = commits.labels("durable"), commits.labels("unknown")
        self._commit_seconds = _histogram(families.STORE_COMMIT_SECONDS, registry)
        self._commit_records = _histogram(families.STORE_COMMIT_RECORDS, registry)

    def ended(self, end: WayEnd, stops: Stops) -> None:
        """See `WayMeter.ended`."""
        self._requests.labels(
            end.ended.value,
            end.template or NONE,
            end.vcenter or NONE,
            end.reason.value if end.reason else NONE,
        ).inc()
        for stop, seconds in stops:
            self._stops[stop].observe(seconds)

    def proved(self, vcenter: VcenterId, age_s: float) -> None:
        """See `WayMeter.proved`."""
        self._proof_age.labels(vcenter).observe(age_s)

    def authenticated(self, seconds: float) -> None:
        """See `RequestMeter.authenticated`."""
        self._stops[Stop.AUTHENTICATE].observe(seconds)

    def answered(self, route: str | None, status: int, seconds: float) -> None:
        """See `RequestMeter.answered`."""
        self._answers.labels(route or NONE, f"{status // 100}xx").inc()
        self._answer_seconds.labels(route or NONE).observe(seconds)

    def refused(self, route: str | None, reason: Reason) -> None:
        """See `RequestMeter.refused`."""
        self._refusals.labels(route or NONE, reason.value).inc()

    def called(self, vcenter: VcenterId, method: str, result: CallResult, seconds: float) -> None:
        """See `CallMeter.called`."""
        known = method if method in METHODS else OTHER
        self._calls.labels(vcenter, known, result.value).inc()
        if known != _WAIT:
            self._call_seconds.labels(vcenter, known).observe(seconds)

    def committed(self, records: int, seconds: float) -> None:
        """See `CommitMeter.committed`."""
        self._durable.inc()
        self._commit_seconds.observe(seconds)
        self._commit_records.observe(records)

    def commit_lost(self) -> None:
        """See `CommitMeter.commit_lost`."""
        self._lost.inc()


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked at each scrape. None of them may ask vCenter anything."""

    condition: Callable[[], Condition]
    loads: Callable[[], Mapping[VcenterId, VcenterLoad]]
    watched: Callable[[], Mapping[VcenterId, Watched]]
    log: Callable[[], LogStanding]


class Standing(Collector):
    """How the process stands."""

    def __init__(self, questions: Questions) -> None:
        self._ask = questions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now."""
        now = self._ask.condition()
        yield _shown(families.CAN_ISSUE, {(): float(now.can_issue)})
        codes: dict[tuple[str, ...], float] = {
            (code.value,): float(code in now.degraded) for code in Degraded
        }
        codes[OTHER,] = float(bool(set(now.degraded) - set(Degraded)))
        yield _shown(families.DEGRADED, codes)
        yield from self._drift()
        yield from self._log()
        loads = self._ask.loads()
        yield _shown(families.VCENTER_SESSIONS, {(v,): load.sessions for v, load in loads.items()})
        yield _shown(families.VCENTER_CALLS_RUNNING, {(v,): load.running for v, load in loads.items()})
        yield _shown(families.VCENTER_CALLS_WAITING, {(v,): load.waiting for v, load in loads.items()})

    def _log(self) -> Iterator[GaugeMetricFamily]:
        log = self._ask.log()
        yield _shown(families.LOG_RECORDS, {(): float(log.size)})
        age: dict[tuple[str, ...], float] = {}
        if log.checkpoint_age_s is not None:
            age[()] = log.checkpoint_age_s
        yield _shown(families.CHECKPOINT_AGE_SECONDS, age)

    def _drift(self) -> Iterator[GaugeMetricFamily]:
        watched = self._ask.watched()
        drifted: dict[tuple[str, ...], float] = {
            (vcenter, kind.value): each.kinds.get(kind, 0)
            for vcenter, each in watched.items()
            for kind in DriftKind
        }
        yield _shown(families.DRIFTED_GRANTS, drifted)
        silence: dict[tuple[str, ...], float] = {
            (vcenter,): each.silence_s for vcenter, each in watched.items()
        }
        yield _shown(families.CONTROLLER_SILENCE_SECONDS, silence)


def _shown(family: Family, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    shown = GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
    for labels, value in values.items():
        shown.add_metric(labels, value)
    return shown


def _counter(family: Family, registry: CollectorRegistry) -> Counter:
    return Counter(family.name, family.meaning, family.labels, registry=registry)


def _gauge(family: Family, registry: CollectorRegistry) -> Gauge:
    return Gauge(family.name, family.meaning, family.labels, registry=registry)


def _histogram(family: Family, registry: CollectorRegistry) -> Histogram:
    return Histogram(family.name, family.meaning, family.labels, buckets=family.buckets, registry=registry)
