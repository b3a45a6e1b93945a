"""What is wrong with a policy on disk, in the four things that a test compares."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from broker.errors import ConfigurationError
from broker.policy.load import ConfigurationErrors, load_controller, load_policy, load_server


class Found(NamedTuple):
    """Where a problem is and what it is. `file` is the name alone."""

    file: str
    line: int
    key: str
    problem: str


def found(errors: Iterable[ConfigurationError]) -> list[Found]:
    """The errors, to compare."""
    return [Found(e.file.name, e.line, e.key, e.problem) for e in errors]


def policy_problems(folder: Path) -> list[Found]:
    """What `load_policy` says; it must refuse."""
    return _problems(lambda: load_policy(folder))


def server_problems(folder: Path) -> list[Found]:
    """What `load_server` says; it must refuse."""
    return _problems(lambda: load_server(folder))


def controller_problems(file: Path) -> list[Found]:
    """What `load_controller` says; it must refuse."""
    return _problems(lambda: load_controller(file))


def _problems(load: Callable[[], object]) -> list[Found]:
    with pytest.raises(ConfigurationErrors) as caught:
        load()
    return found(caught.value.errors)
