"""A product of its own for each test that breaks it, and one who watches from outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack, applied_stack


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stack]:
    """Applied, the app added, nothing served yet."""
    with applied_stack(tmp_path) as running:
        yield running
