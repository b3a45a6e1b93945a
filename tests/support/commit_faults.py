"""Commits that fail: not persisted, or persisted all the same."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from broker.store.database import Database

When = Literal["before_cursor_execute", "after_cursor_execute"]
NOT_PERSISTED: When = "before_cursor_execute"
PERSISTED: When = "after_cursor_execute"


@contextmanager
def failing(database: Database, statement: str, when: When) -> Iterator[None]:
    """While this lasts, `statement` ends in an I/O error, before or after SQLite did it."""
    connection = database._connections.writer

    def fail(_connection: Connection, _cursor: object, executed: str, *_rest: object) -> None:
        if executed.startswith(statement):
            raise OperationalError(executed, {}, sqlite3.OperationalError("disk I/O error"))

    event.listen(connection, when, fail)
    try:
        yield
    finally:
        event.remove(connection, when, fail)
