"""Values kept for a while and fetched by one thread for all that ask at the same time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

from broker.errors import LogUnavailable, Refused
from broker.ports.clock import Clock
from broker.vsphere.gate import Gate

Key = TypeVar("Key")
Value = TypeVar("Value")

Fetch: TypeAlias = Callable[[Sequence[Key]], Mapping[Key, Value | Refused]]


class Flights(Generic[Key, Value]):
    """One fetch per key at a time; its value, or its refusal, goes to everyone who waited.

    `fetch` gives a value or a refusal for each key, or raises for all. It asks through `gate`, which
    says how long it is worth waiting for. Where the key that is asked for was expected, others that
    were are fetched along with it, `together` at most.
    """

    def __init__(
        self, max_age_s: float, gate: Gate, clock: Clock, fetch: Fetch[Key, Value], together: int
    ) -> None:
        self._max_age_s = max_age_s
        self._gate = gate
        self._clock = clock
        self._fetch = fetch
        self._together = together
        self._lock = Lock()
        self._kept: dict[Key, tuple[Value, float]] = {}
        self._under_way: dict[Key, Future[Value]] = {}
        self._expected: dict[Key, None] = {}

    def get(self, key: Key) -> Value:
        """The value, not older than `max_age_s` at the call. Raises what `fetch` and `Gate.wait` raise."""
        mine: Mapping[Key, Future[Value]] = {}
        with self._lock:
            if kept := self._young(key):
                return kept[0]
            if key not in self._under_way:
                mine = self._aboard(key)
                self._under_way.update(mine)
            flight = self._under_way[key]
        if mine:
            self._fly(mine)
        return landed(flight, self._gate)

    def expect(self, keys: Iterable[Key]) -> bool:
        """These will be asked for soon. Nothing is fetched for it alone; whether anything will have to be."""
        with self._lock:
            missing = [key for key in keys if self._young(key) is None]
            self._expected.update(dict.fromkeys(missing))
        return bool(missing)

    def kept(self, key: Key) -> Value | None:
        """The value if it is there and young enough; nothing is fetched."""
        with self._lock:
            kept = self._young(key)
        return kept[0] if kept else None

    def forget(self, key: Key) -> None:
        """Keep neither what there is nor what is under way."""
        with self._lock:
            self._kept.pop(key, None)
            self._under_way.pop(key, None)

    def _young(self, key: Key) -> tuple[Value, float] | None:
        kept = self._kept.get(key)
        return kept if kept and self._clock.monotonic() - kept[1] < self._max_age_s else None

    def _aboard(self, key: Key) -> Mapping[Key, Future[Value]]:
        """The key, and whoever goes along."""
        flights: dict[Key, Future[Value]] = {key: Future()}
        if key not in self._expected:
            return flights
        del self._expected[key]
        while self._expected and len(flights) < self._together:
            other = next(iter(self._expected))
            del self._expected[other]
            if other not in self._under_way and self._young(other) is None:
                flights[other] = Future()
        return flights

    def _fly(self, flights: Mapping[Key, Future[Value]]) -> None:
        begun = self._clock.monotonic()
        try:
            values = self._fetch(list(flights))
        except BaseException as error:  # noqa: BLE001 - comes out of `landed`, for everyone who waits
            self._end(flights, {}, begun)
            for flight in flights.values():
                flight.set_exception(error)
            return
        self._end(flights, values, begun)
        for key, flight in flights.items():
            match values[key]:
                case Refused() as refusal:
                    flight.set_exception(refusal)
                case value:
                    flight.set_result(value)

    def _end(
        self, flights: Mapping[Key, Future[Value]], values: Mapping[Key, Value | Refused], begun: float
    ) -> None:
        with self._lock:
            for key, flight in flights.items():
                if self._under_way.get(key) is not flight:
                    continue  # forgotten meanwhile
                del self._under_way[key]
                value = values.get(key)
                if value is not None and not isinstance(value, Refused):
                    self._kept[key] = (value, begun)


def landed(flight: Future[Value], gate: Gate) -> Value:
    """Another thread's value, or a refusal of one's own: an exception belongs to one thread.

    Raises Refused(VCENTER_BUSY) too, as `Gate.wait` does.
    """
    if not flight.done():
        gate.wait(partial(_has_landed, flight))
    error = flight.exception()
    if isinstance(error, LogUnavailable):
        raise LogUnavailable(error.detail)
    if isinstance(error, Refused):
        raise Refused(error.reason, error.detail)
    return flight.result()


def _has_landed(flight: Future[Value], seconds: float) -> bool:
    return bool(wait([flight], timeout=seconds).done)
