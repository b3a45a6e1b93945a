"""High-water marks of stores that tests fill past the commands."""

from pathlib import Path

from broker.audit.custody.mark import mark_of
from broker.clock import SystemClock
from broker.store.database import Database
from tests.support.log_keys import LOG_KEYS


def marked(store: Path) -> None:
    """Let the mark stand where the log ends: no command finds it missing."""
    database = Database.open_existing(store, SystemClock(), LOG_KEYS)
    try:
        mark_of(store, None).write(database.look().checkpoint)
    finally:
        database.close()
