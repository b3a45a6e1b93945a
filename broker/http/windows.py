"""Moving windows in this process, for the `limits` library.

Its own storage keeps every key that it ever saw and looks at each of them at every hit, so that
whoever fails from ever new addresses would slow down everybody.
"""

from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from threading import Lock
from typing import NoReturn

from limits.storage import MovingWindowSupport, Storage

from broker.clock import SystemClock
from broker.ports.clock import Clock

SCHEME = "broker-process"
MAX_KEYS = 100_000
"""Of one kind of budget: beyond it the one that was not hit for longest is forgotten."""


@dataclass(slots=True)
class _Window:
    hits: deque[float] = field(default_factory=deque)
    ends: float = 0.0


class ProcessWindows(Storage, MovingWindowSupport):
    """Costs the same at each hit however many keys there are; keys whose window ended go. Thread-safe.

    Kinds of budget share nothing: keys that anybody can open push out no app's.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 - the library's way to register

    def __init__(self, uri: str | None = None, clock: Clock | None = None, max_keys: int = MAX_KEYS) -> None:
        super().__init__(uri)
        self._clock = clock or SystemClock()
        self._max_keys = max_keys
        self._lock = Lock()
        self._kinds: defaultdict[str, OrderedDict[str, _Window]] = defaultdict(OrderedDict)

    def held(self) -> int:
        """How many keys are held."""
        with self._lock:
            return sum(len(windows) for windows in self._kinds.values())

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take `amount` hits if no more than `limit` then stand within `expiry` seconds."""
        now = self._clock.monotonic()
        with self._lock:
            windows = self._kinds[_kind(key)]
            _drop_ended(windows, now)
            window = windows.get(key) or _Window()
            _drop_old(window.hits, now - expiry)
            if len(window.hits) + amount > limit:
                return False
            window.hits.extend([now] * amount)
            window.ends = now + expiry
            windows[key] = window
            windows.move_to_end(key)
            if len(windows) > self._max_keys:
                windows.popitem(last=False)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - the library's signature
        """The time of day of the first hit within `expiry` seconds, and how many stand."""
        now, time_of_day = self._clock.monotonic(), self._clock.now().timestamp()
        with self._lock:
            window = self._kinds[_kind(key)].get(key)
            if window is None:
                return time_of_day, 0
            _drop_old(window.hits, now - expiry)
            first = window.hits[0] if window.hits else now
            return time_of_day - (now - first), len(window.hits)

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Nothing here can fail."""
        return ()

    def check(self) -> bool:
        """Always there."""
        return True

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._kinds[_kind(key)].pop(key, None)

    def reset(self) -> int:
        """Forget every window; give how many there were."""
        count = self.held()
        with self._lock:
            self._kinds.clear()
        return count

    def incr(self, key: str, expiry: int, amount: int = 1) -> NoReturn:
        """For fixed windows, which nobody has here."""
        raise NotImplementedError

    def get(self, key: str) -> NoReturn:
        """For fixed windows."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> NoReturn:
        """For fixed windows."""
        raise NotImplementedError


def _kind(key: str) -> str:
    """`prefix/key/kind/count/multiple/unit`, where the key of an IPv6 network has a slash itself."""
    return key.rsplit("/", 4)[1]


def _drop_ended(windows: OrderedDict[str, _Window], now: float) -> None:
    """From the one that was hit first, up to one that goes on: all ended ones where rates are alike."""
    while windows:
        key, first = next(iter(windows.items()))
        if first.ends >= now:
            return
        del windows[key]


def _drop_old(hits: deque[float], before: float) -> None:
    while hits and hits[0] < before:
        hits.popleft()
