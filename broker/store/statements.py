"""Statements of the hot path: compiled once, run on the driver.

SQLAlchemy's execution costs three to six times what SQLite needs for a look-up by key. What a
statement says is still SQLAlchemy's text for the very tables.
"""

from collections.abc import Mapping
from sqlite3 import Connection as DriverConnection
from sqlite3 import Cursor

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler


class Prepared:
    """One statement, its values by name. Rows are tuples in the order of its columns."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=sqlite.dialect())
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("not a statement that reads or changes rows")
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def run(self, connection: Connection, values: Mapping[str, object]) -> Cursor:
        """Run it within the transaction that `connection` has open, if any.

        Raises sqlite3.Error; KeyError for a value that is missing, a defect.
        """
        given = {**self._fixed, **values}
        return driver(connection).execute(self.text, [given[name] for name in self._names])


def driver(connection: Connection) -> DriverConnection:
    """The driver's own connection. Raises TypeError where that is not SQLite's."""
    found = connection.connection.driver_connection
    if not isinstance(found, DriverConnection):
        raise TypeError("the store is not on sqlite3")
    return found
