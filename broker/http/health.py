"""/healthz and /readyz."""

from flask import Response

from broker.http.answers import Alive, Ready
from broker.http.limits import RequestLimits
from broker.http.replies import reply
from broker.ports.access import Health

OK = 200
CANNOT_ISSUE = 503


class HealthViews:
    """Open to anybody: codes of a closed list, no names, no numbers."""

    def __init__(self, health: Health, limits: RequestLimits) -> None:
        self._health = health
        self._limits = limits

    def alive(self) -> Response:
        """The process answers; nothing else is said."""
        return reply(Alive())

    def ready(self) -> Response:
        """503 only when this process can issue no ticket at all; all else is 200 with codes."""
        can_issue = self._health.can_issue()
        degraded = tuple(sorted({*self._health.degraded(), *self._limits.degraded()}))
        return reply(Ready(ready=can_issue, degraded=degraded), OK if can_issue else CANNOT_ISSUE)
