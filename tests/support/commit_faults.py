"""Commits that fail: not persisted, or persisted all the same."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Literal

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from broker.store.database import Database
from broker.store.statements import Prepared

When = Literal["before_cursor_execute", "after_cursor_execute"]
NOT_PERSISTED: When = "before_cursor_execute"
PERSISTED: When = "after_cursor_execute"


@contextmanager
def failing(database: Database, statement: str, when: When, after: int = 0) -> Iterator[None]:
    """While this lasts, `statement` ends in an I/O error, before or after SQLite did it.

    The first `after` of them succeed. A statement that is prepared fails before, and always.
    """
    connection = database._connections.writer
    run, seen = Prepared.run, count()

    def fail(_connection: Connection, _cursor: object, executed: str, *_rest: object) -> None:
        if executed.startswith(statement) and next(seen) >= after:
            raise OperationalError(executed, {}, _disk_error())

    def fail_prepared(self: Prepared, on: Connection, values: Mapping[str, object]) -> sqlite3.Cursor:
        if on is connection and self.text.startswith(statement):
            raise _disk_error()
        return run(self, on, values)

    event.listen(connection, when, fail)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Prepared, "run", fail_prepared)
            yield
    finally:
        event.remove(connection, when, fail)


def _disk_error() -> sqlite3.OperationalError:
    return sqlite3.OperationalError("disk I/O error")
