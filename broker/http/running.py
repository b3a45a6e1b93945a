"""Requests that still run, for those who take away what requests work with."""

from collections.abc import Callable, Iterable
from threading import Condition
from typing import Any, TypeAlias

from broker.ports.clock import Clock

WsgiApp: TypeAlias = Callable[[Any, Any], Iterable[bytes]]


class RunningRequests:
    """Counts the requests of an app. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._changed = Condition()

    def counted(self, app: WsgiApp) -> WsgiApp:
        """The same app; its answers are whole when it returns."""

        def call(environ: Any, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's
            self._add(1)
            try:
                return app(environ, start_response)
            finally:
                self._add(-1)

        return call

    def ended(self, within_s: float) -> bool:
        """Wait until none runs; False where one still does after `within_s` seconds."""
        until = self._clock.monotonic() + within_s
        with self._changed:
            while self._count:
                left = until - self._clock.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _add(self, number: int) -> None:
        with self._changed:
            self._count += number
            self._changed.notify_all()
