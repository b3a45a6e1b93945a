"""Counting hits in moving windows: where all processes share them, else in this process alone."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TypeVar

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.strategies import MovingWindowRateLimiter, RateLimiter

from broker.http.windows import ProcessWindows
from broker.model.policy import Rate
from broker.ports.clock import Clock
from broker.ports.turns import Turns

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)

RETRY_S = 2.0
"""How long a shared storage that did not answer is left alone before it is asked again."""


@dataclass(frozen=True, slots=True)
class WindowLeft:
    """What a window says: its size as it counts just now, what is left of it, and when one more is."""

    count: int
    remaining: int
    reset_at: float


class Windows:
    """Windows in the storage of `shared`; while that does not answer, tighter ones in this process.

    `alone` gives what of a rate this process allows by itself. Threads stand aside in `turns` while
    they ask the shared ones. Thread-safe.
    """

    def __init__(
        self,
        shared: Callable[[], RateLimiter],
        clock: Clock,
        alone: Callable[[Rate], Rate],
        turns: Turns,
    ) -> None:
        self._shared = shared
        self._clock = clock
        self._alone = alone
        self._turns = turns
        self._own = MovingWindowRateLimiter(ProcessWindows())
        self._left = False
        self._asked_at = 0.0
        self._asking = Lock()

    def hit(self, kind: str, key: str, rate: Rate) -> bool:
        """One hit on the window of `key` among those of its kind; False where no more fits in."""
        return self._asked(rate, lambda windows, item: windows.hit(item, key, kind))

    def left(self, kind: str, key: str, rate: Rate) -> WindowLeft:
        """What the window says now."""

        def ask(windows: RateLimiter, item: RateLimitItem) -> WindowLeft:
            stats = windows.get_window_stats(item, key, kind)
            return WindowLeft(item.amount, max(0, stats.remaining), stats.reset_time)

        return self._asked(rate, ask)

    def on_its_own(self) -> bool:
        """Whether this process counts alone; asks the storage, now and then, if that can end.

        Called on a beat, so that no request waits for a storage that is away.
        """
        if self._left and self._asking.acquire(blocking=False):
            try:
                self._return_if_possible()
            finally:
                self._asking.release()
        return self._left

    def _asked(self, rate: Rate, ask: Callable[[RateLimiter, RateLimitItem], Answer]) -> Answer:
        if not self._left:
            try:
                with self._turns.aside():
                    return ask(self._shared(), _item(rate))
            except Exception as error:  # noqa: BLE001 - each storage's client raises its own; none may end limiting
                self._leave(error)
        return ask(self._own, _item(self._alone(rate)))

    def _leave(self, error: Exception) -> None:
        self._asked_at = self._clock.monotonic()
        if not self._left:
            self._left = True
            _log.warning("the limits' storage does not answer (%s): counting alone", type(error).__name__)

    def _return_if_possible(self) -> None:
        now = self._clock.monotonic()
        if now - self._asked_at < RETRY_S:
            return
        self._asked_at = now
        if self._shared().storage.check():
            self._left = False
            _log.warning("the limits' storage answers again: counting together")


@lru_cache(maxsize=1024)
def _item(rate: Rate) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(rate.count, rate.seconds)
