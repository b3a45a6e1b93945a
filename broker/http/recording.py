"""Refusals of the API that are no refusals of a ticket request, which `broker.issue` records."""

from collections.abc import Iterator
from contextlib import contextmanager

from broker.errors import LogUnavailable, Refused
from broker.http.context import Asked
from broker.ports.access import AccessLog
from broker.ports.issuing import Limits


@contextmanager
def refusals_on_record(log: AccessLog, about: Asked, path: str) -> Iterator[None]:
    """Record a refusal, then let it be answered, under the id of its record.

    `path` is the route's, not the caller's text. Raises Limited(TOO_MANY_REFUSALS) in its place
    beyond the app's budget, and LogUnavailable where nothing can be put on record.
    """
    try:
        yield
    except LogUnavailable:
        raise
    except Refused as refusal:
        about.answer_as(log.access_refused(about.known.app, refusal.reason, path, about.origin))
        raise


@contextmanager
def charged_where_refused(limits: Limits, about: Asked) -> Iterator[None]:
    """Charge the caller for what is no ticket request; `issue()` does so for each that is one."""
    try:
        yield
    except Refused:
        limits.charge_caller(about.known.app)
        raise
