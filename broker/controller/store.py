"""The controller's store, as its own file names it."""

from collections.abc import Iterator
from contextlib import contextmanager

from broker.audit.keys import LogKeys
from broker.clock import SystemClock
from broker.model.settings import ControllerSettings
from broker.policy.load import load_server
from broker.store.database import Database


@contextmanager
def opened_store(settings: ControllerSettings) -> Iterator[Database]:
    """The store, made where there is none. Raises ConfigurationErrors, LogUnavailable, SecretUnavailable."""
    keys = settings.audit_keys or load_server(settings.policy).audit.keys
    database = Database.open(settings.store, SystemClock(), LogKeys(keys))
    try:
        yield database
    finally:
        database.close()
