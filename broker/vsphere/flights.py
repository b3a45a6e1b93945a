"""Values kept for a while and fetched by one thread for all that ask at the same time."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

from broker.errors import LogUnavailable, Refused
from broker.ports.clock import Clock
from broker.vsphere.gate import Gate

Key = TypeVar("Key")
Value = TypeVar("Value")


class Flights(Generic[Key, Value]):
    """One fetch per key at a time; its value, or its refusal, goes to everyone who waited.

    What is fetched comes through `gate`, which says how long it is worth waiting for.
    """

    def __init__(self, max_age_s: float, gate: Gate, clock: Clock) -> None:
        self._max_age_s = max_age_s
        self._gate = gate
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[Key, tuple[Value, float]] = {}
        self._under_way: dict[Key, Future[Value]] = {}

    def get(self, key: Key, fetch: Callable[[], Value]) -> Value:
        """The value, not older than `max_age_s` at the call. Raises what `fetch` and `Gate.wait` raise."""
        with self._lock:
            if kept := self._young(key):
                return kept[0]
            flight = self._under_way.get(key)
            if flight is None:
                mine = self._under_way[key] = Future()
        if flight is None:
            return self._fly(key, fetch, mine)
        return landed(flight, self._gate)

    def kept(self, key: Key) -> Value | None:
        """The value if it is there and young enough; nothing is fetched."""
        with self._lock:
            kept = self._young(key)
        return kept[0] if kept else None

    def _young(self, key: Key) -> tuple[Value, float] | None:
        kept = self._kept.get(key)
        return kept if kept and self._clock.monotonic() - kept[1] < self._max_age_s else None

    def forget(self, key: Key) -> None:
        """Keep neither what there is nor what is under way."""
        with self._lock:
            self._kept.pop(key, None)
            self._under_way.pop(key, None)

    def _fly(self, key: Key, fetch: Callable[[], Value], mine: Future[Value]) -> Value:
        begun = self._clock.monotonic()
        try:
            value = fetch()
        except BaseException as error:
            self._end(key, mine)
            mine.set_exception(error)
            raise
        with self._lock:
            if self._under_way.get(key) is mine:
                self._kept[key] = (value, begun)
        self._end(key, mine)
        mine.set_result(value)
        return value

    def _end(self, key: Key, mine: Future[Value]) -> None:
        with self._lock:
            if self._under_way.get(key) is mine:
                del self._under_way[key]


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
