"""A store in PostgreSQL that is only looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from broker.errors import LogUnavailable
from broker.model.stores import PostgresqlStore
from broker.store.engines.postgresql.connections import engine_on
from broker.store.engines.postgresql.dialling import READING, dialled
from broker.store.engines.postgresql.words import told
from broker.store.schema import check_revision

_LASTING = {**READING, "idle_in_transaction_session_timeout": 0, "statement_timeout": 0}
"""A moment lasts as long as it is looked at. It holds up nobody."""


@dataclass(frozen=True, slots=True)
class PostgresqlLook:
    """The Looking protocol on a database."""

    store: PostgresqlStore

    errors: ClassVar[tuple[type[Exception], ...]] = (SQLAlchemyError, psycopg.Error)

    def told(self, error: Exception) -> str:
        """See `moment.Looking`."""
        return told(error)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """See `moment.Looking`."""
        try:
            with engine_on(lambda: dialled(self.store, **_LASTING)).connect() as connection:
                check_revision(connection)
                connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield connection
        except self.errors as error:
            raise LogUnavailable(f"the store {self.store} cannot be read: {told(error)}") from None
