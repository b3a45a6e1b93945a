"""What is wrong with the files, gathered before anybody is told."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from broker.errors import BrokerError, ConfigurationError
from broker.texts import cleaned

_Value = TypeVar("_Value")

WHOLE_FILE = "(file)"
"""Stands for the key where a problem concerns a file as a whole."""

MOST_TOLD = 50
"""Nobody reads more, and a file of 1 MiB can hold as many mistakes as it has lines."""

_MAX_WORDS = 1000
"""Of a problem and of an advice; some list ids."""


class ConfigurationErrors(BrokerError):
    """The problems found, sorted by file, line and key, and how many more there are.

    No text here repeats a value.
    """

    def __init__(self, errors: tuple[ConfigurationError, ...]) -> None:
        super().__init__("\n".join(explain(errors)))
        self.errors = errors


class Problems:
    """Gathers problems. The first one noted for a key stays; what follows from it is left out."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], ConfigurationError] = {}

    def note(self, file: Path, line: int, key: str, problem: str, advice: str) -> None:
        """Remember one problem; `advice` gets its full stop here, and both are of bounded length."""
        said = cleaned(advice, _MAX_WORDS)
        ended = said if said.endswith("?") else f"{said.removesuffix('.')}."
        found = ConfigurationError(file, line, key, cleaned(problem, _MAX_WORDS), ended)
        self._found.setdefault((str(file), line, key), found)

    def found(self) -> tuple[ConfigurationError, ...]:
        """The first MOST_TOLD problems by file, line and key, and one more that counts the rest."""
        errors = tuple(error for _, error in sorted(self._found.items(), key=lambda item: item[0]))
        told, left = errors[:MOST_TOLD], errors[MOST_TOLD:]
        return (*told, _counted(left)) if left else told

    def demand(self, value: _Value | None) -> _Value:
        """The value, of which nothing is wrong. Raises ConfigurationErrors when anything is."""
        if self._found or value is None:
            raise ConfigurationErrors(self.found())
        return value


def _counted(left: tuple[ConfigurationError, ...]) -> ConfigurationError:
    """Stands where the first of those that are left out stands."""
    problem = f"and {len(left)} more from here on, which are not listed"
    return ConfigurationError(
        left[0].file, left[0].line, WHOLE_FILE, problem, "Correct the ones above first."
    )


def explain(errors: Iterable[ConfigurationError]) -> list[str]:
    """One line each: file, line, key, problem, advice."""
    return [str(error) for error in errors]


def as_json(errors: Iterable[ConfigurationError]) -> list[dict[str, str | int]]:
    """The same for machines, as values that `json` takes."""
    return [
        {"file": str(e.file), "line": e.line, "key": e.key, "problem": e.problem, "advice": e.advice}
        for e in errors
    ]
