"""Requests that still run, for those who take away what requests work with."""

from collections.abc import Callable, Iterable, Iterator
from threading import Condition
from typing import Any, TypeAlias

from broker.ports.clock import Clock

WsgiApp: TypeAlias = Callable[[Any, Any], Iterable[bytes]]


LONG_ONES_S = 20.0
"""How long a batch may go on after its process was told to end: less than any request may, so that what
it has begun by then ends well, and long enough for nearly all of them at a rolling restart."""


class RunningRequests:
    """Counts the requests of an app, each until its answer is closed. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._changed = Condition()
        self._left_at: float | None = None

    def leave(self) -> None:
        """This process was told to end. Safe to call from a signal handler."""
        if self._left_at is None:
            self._left_at = self._clock.monotonic()

    def leaving(self) -> bool:
        """Whether it ends so soon that a batch may begin nothing more."""
        return self._left_at is not None and self._clock.monotonic() - self._left_at >= LONG_ONES_S

    def counted(self, app: WsgiApp) -> WsgiApp:
        """The same app."""

        def call(environ: Any, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's
            self._add(1)
            try:
                answer = app(environ, start_response)
            except BaseException:  # there is no answer that could be closed
                self._add(-1)
                raise
            return _Closing(answer, lambda: self._add(-1))

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


class _Closing:
    """An answer's parts; `closed` is called once the server is done with them."""

    def __init__(self, parts: Iterable[bytes], closed: Callable[[], None]) -> None:
        self._parts = parts
        self._closed = closed

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """Called by the server at the end, whatever that is (PEP 3333)."""
        try:
            if (close := getattr(self._parts, "close", None)) is not None:
                close()
        finally:
            self._closed()
