"""gunicorn's words in the operational log, without the places where they repeat what a client sent."""

import logging
from datetime import timedelta
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger

from broker.logs import end_answer

ADDRESS = "broker.address"
"""The key of the WSGI environment under which the believed address stands."""

ROUTE = "broker.route"
"""The key of the WSGI environment under which the route stands that a request was for."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""A method is the client's text too: others are not repeated."""

_access = logging.getLogger("broker.access")


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """One line for each request, in it nothing of the client's text.

    No query, no header, and no path as it was sent: clients put secrets into paths too.
    """

    def setup(self, cfg: Config) -> None:
        """Leave it to the operational log where lines go, and from which level up."""
        self.cfg = cfg
        self.error_log.propagate = True

    def access(self, resp: Any, req: object, environ: dict[str, Any], request_time: timedelta) -> None:  # noqa: ANN401, ARG002 - gunicorn's
        """Called by gunicorn when the answer was sent, or could not be."""
        if _access.isEnabledFor(logging.INFO):
            _access.info("request", extra=_facts(resp, environ, request_time))
        end_answer()


def _facts(answer: Any, environ: dict[str, Any], took: timedelta) -> dict[str, object]:  # noqa: ANN401 - gunicorn's
    method = environ.get("REQUEST_METHOD")
    return {
        "address": environ.get(ADDRESS) or environ.get("REMOTE_ADDR") or "-",
        "method": method if method in METHODS else "-",
        "route": environ.get(ROUTE, "-"),
        "status": answer.status_code,
        "bytes": answer.sent,
        "ms": took // timedelta(milliseconds=1),
    }
