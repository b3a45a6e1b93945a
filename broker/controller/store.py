"""The controller's store, as its own file names it."""

from collections.abc import Iterator
from contextlib import contextmanager

from broker.audit.custody.mark import MarkFile, mark_of
from broker.audit.custody.opening import kept
from broker.audit.keys import LogKeys
from broker.clock import SystemClock
from broker.model.settings import ControllerSettings
from broker.policy.load import load_server
from broker.store.database import Database


@contextmanager
def opened_store(settings: ControllerSettings) -> Iterator[Database]:
    """The store, made where there is none. Raises ConfigurationErrors, LogUnavailable, SecretUnavailable."""
    keys = settings.audit_keys or load_server(settings.policy).audit.keys
    with kept(Database.open(settings.store, SystemClock(), LogKeys(keys)), mark_file(settings)) as database:
        yield database


def mark_file(settings: ControllerSettings) -> MarkFile:
    """The mark of the store's log. Raises ConfigurationErrors."""
    named = settings.audit_high_water or load_server(settings.policy).audit.high_water
    return mark_of(settings.store, named)
