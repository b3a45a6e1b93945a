"""Everything that is wrong with the files, gathered before anybody is told."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from broker.errors import BrokerError, ConfigurationError

_Value = TypeVar("_Value")

WHOLE_FILE = "(file)"
"""Stands for the key where a problem concerns a file as a whole."""


class ConfigurationErrors(BrokerError):
    """Every problem found, sorted by file, line and key. No text here repeats a value."""

    def __init__(self, errors: tuple[ConfigurationError, ...]) -> None:
        super().__init__("\n".join(explain(errors)))
        self.errors = errors


class Problems:
    """Gathers problems. The first one noted for a key stays; what follows from it is left out."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], ConfigurationError] = {}

    def note(self, file: Path, line: int, key: str, problem: str, advice: str) -> None:
        """Remember one problem; `advice` gets its full stop here."""
        ended = advice if advice.endswith("?") else f"{advice.removesuffix('.')}."
        found = ConfigurationError(file, line, key, problem, ended)
        self._found.setdefault((str(file), line, key), found)

    def found(self) -> tuple[ConfigurationError, ...]:
        """All problems, sorted by file, line and key."""
        return tuple(error for _, error in sorted(self._found.items(), key=lambda item: item[0]))

    def demand(self, value: _Value | None) -> _Value:
        """The value, of which nothing is wrong. Raises ConfigurationErrors when anything is."""
        if self._found or value is None:
            raise ConfigurationErrors(self.found())
        return value


def explain(errors: Iterable[ConfigurationError]) -> list[str]:
    """One line each: file, line, key, problem, advice."""
    return [str(error) for error in errors]


def as_json(errors: Iterable[ConfigurationError]) -> list[dict[str, str | int]]:
    """The same for machines, as values that `json` takes."""
    return [
        {"file": str(e.file), "line": e.line, "key": e.key, "problem": e.problem, "advice": e.advice}
        for e in errors
    ]
