"""/healthz and /readyz, and the log line at every change of what /readyz says."""

import logging
from threading import Lock

from flask import Response

from broker.http.answers import Alive, Ready
from broker.http.limits import RequestLimits
from broker.http.replies import reply
from broker.model.health import Condition
from broker.ports.access import Health

OK = 200
CANNOT_ISSUE = 503

WATCH_EVERY_S = 5.0
"""How often to look where nobody asks."""

_log = logging.getLogger(__name__)


class HealthWatch:
    """Looks how the process stands, and says so in the log once per change. Thread-safe."""

    def __init__(self, health: Health, limits: RequestLimits) -> None:
        self._health = health
        self._limits = limits
        self._lock = Lock()
        self._last = Condition(can_issue=True, degraded=())

    def look(self) -> Condition:
        """How it stands now."""
        with self._lock:  # two that look at once must not each say what changed
            degraded = tuple(sorted({*self._health.degraded(), *self._limits.degraded()}))
            now = Condition(self._health.can_issue(), degraded)
            before, self._last = self._last, now
            if now != before:
                _say(now)
        return now


class HealthViews:
    """Open to anybody: codes of a closed list, no names, no numbers."""

    def __init__(self, watch: HealthWatch) -> None:
        self._watch = watch

    def alive(self) -> Response:
        """The process answers; nothing else is said."""
        return reply(Alive())

    def ready(self) -> Response:
        """503 only when this process can issue no ticket at all; all else is 200 with codes."""
        now = self._watch.look()
        return reply(Ready(ready=now.can_issue, degraded=now.degraded), OK if now.can_issue else CANNOT_ISSUE)


def _say(now: Condition) -> None:
    codes = ", ".join(now.degraded) or "nothing"
    if not now.can_issue:
        _log.warning("can issue no ticket; degraded: %s", codes)
    elif now.degraded:
        _log.warning("can issue tickets; degraded: %s", codes)
    else:
        _log.info("can issue tickets; degraded: nothing")
