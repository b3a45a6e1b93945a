"""Statements of the hot path: compiled once for each database, run on its driver.

SQLAlchemy's execution costs three to six times what SQLite needs for a look-up by key. What a
statement says is still SQLAlchemy's text for the very tables.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler


class Rows(Protocol):
    """What a driver gives for a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a tuple of what the columns hold
        """The next row; None where there is none."""

    def fetchall(self) -> list[Any]:
        """All further rows."""


class Driver(Protocol):
    """A driver's own connection."""

    def execute(self, statement: Any, parameters: Any = ..., /) -> Rows:  # noqa: ANN401 - as its driver has it
        """Run a statement with the driver's own marks for its values."""

    def rollback(self) -> None:
        """Undo the transaction that is open, if any."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement in the words of one database."""

    words: str
    names: Sequence[str] | None
    """The values' names in the order of their marks; None where the marks are names."""
    fixed: Mapping[str, object]


class Prepared:
    """One statement, its values by name. Rows are tuples in the order of its columns.

    A function makes it where databases have different ones for the same.
    """

    def __init__(self, statement: ClauseElement | Callable[[Dialect], ClauseElement]) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def run(self, connection: Connection, values: Mapping[str, object]) -> Rows:
        """Run it within the transaction that `connection` has open, if any.

        Raises the driver's errors; KeyError for a value that is missing, a defect.
        """
        text = self._texts.get(connection.dialect.name) or self._compiled(connection.dialect)
        given = {**text.fixed, **values}
        marked = given if text.names is None else [given[name] for name in text.names]
        rows: Rows = connection.connection.driver_connection.execute(text.words, marked)  # type: ignore[union-attr]  # `driver`, one call less
        return rows

    def words(self, dialect: Dialect) -> str:
        """What the driver is told."""
        return (self._texts.get(dialect.name) or self._compiled(dialect)).words

    def _compiled(self, dialect: Dialect) -> _Text:
        own = self._statement
        statement = own if isinstance(own, ClauseElement) else own(dialect)
        compiled = statement.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("not a statement that reads or changes rows")
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        names = None if compiled.positiontup is None else tuple(compiled.positiontup)
        text = self._texts[dialect.name] = _Text(str(compiled), names, fixed)
        return text


def driver(connection: Connection) -> Driver:
    """The driver's own connection."""
    return cast("Driver", connection.connection.driver_connection)
