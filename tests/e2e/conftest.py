"""One running product for each module, and a fresh one for what breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack, applied_stack


@pytest.fixture(autouse=True)
def _at_full_speed(no_cover: None) -> None:
    """Measure what the product's processes do, and not the lab that they talk to, at a third of its speed."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Applied, served, ready; shared by the tests of a module, which leave it as they found it."""
    with applied_stack(tmp_path_factory.mktemp("site")) as running:
        running.serve("--log-level", "debug")
        running.ready()
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stack]:
    """Applied, the app added, nothing served yet."""
    with applied_stack(tmp_path) as running:
        yield running
