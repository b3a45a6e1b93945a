"""How long requests take, and how they end, told to whoever measures."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response

from broker.http.context import maybe_asked, requested
from broker.ports.clock import Clock
from broker.ports.metering import RequestMeter
from broker.server.access_log import ROUTE


class Measuring:
    """Measures the requests of one app."""

    def __init__(self, meter: RequestMeter, clock: Clock) -> None:
        self._meter = meter
        self._clock = clock

    def install(self, app: Flask) -> None:
        """Measure every request of this app. Install it first: what others do before counts too."""
        app.before_request(self._begin)
        app.after_request(self._end)

    @contextmanager
    def authenticating(self) -> Iterator[None]:
        """An access token is looked at."""
        began = self._clock.monotonic()
        try:
            yield
        finally:
            self._meter.authenticated(self._clock.monotonic() - began)

    def _begin(self) -> None:
        requested().environ[_BEGAN] = self._clock.monotonic()

    def _end(self, answer: Response) -> Response:
        environ = requested().environ
        about, route = maybe_asked(), environ.get(ROUTE)
        self._meter.answered(route, answer.status_code, self._clock.monotonic() - environ[_BEGAN])
        if about and about.refused_for:
            self._meter.refused(route, about.refused_for)
        return answer


_BEGAN = "broker.began"
