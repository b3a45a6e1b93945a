"""Statements of a store's writer: watched, and made to fail before or after the database did them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Literal, cast

import pytest
from sqlalchemy import Connection, event

from broker.store.database import Database
from broker.store.statements import Prepared, Rows

When = Literal["before", "after"]
NOT_PERSISTED: When = "before"
PERSISTED: When = "after"


@contextmanager
def watched(database: Database, when: When, watch: Callable[[str], None]) -> Iterator[None]:
    """While this lasts `watch` is told each statement of the writer; what it raises comes out.

    Statements that are prepared pass SQLAlchemy by.
    """
    run = Prepared.run

    def run_watched(self: Prepared, on: Connection, values: Mapping[str, object]) -> Rows:
        mine = on is database._opening.writer
        if mine and when == NOT_PERSISTED:
            watch(self.words(on.dialect))
        cursor = run(self, on, values)
        if mine and when == PERSISTED:
            try:
                watch(self.words(on.dialect))
            except BaseException:  # nobody else can end the statement, and nothing is committed beside it
                cast("Any", cursor).close()
                raise
        return cursor

    def executed(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        watch(statement)

    writer, moment = database._opening.writer, f"{when}_cursor_execute"
    event.listen(writer, moment, executed)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Prepared, "run", run_watched)
            yield
    finally:
        event.remove(writer, moment, executed)


@contextmanager
def failing(database: Database, statement: str, when: When, after: int = 0) -> Iterator[None]:
    """While this lasts, `statement` ends in an I/O error, before or after it was done.

    The first `after` of them succeed.
    """
    seen = count()

    def fail(executed: str) -> None:
        if executed.startswith(statement) and next(seen) >= after:
            raise database._opening.errors[-1]("disk I/O error")

    with watched(database, when, fail):
        yield
