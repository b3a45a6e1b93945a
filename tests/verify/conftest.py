"""A log with all that may stand in one, and a copy of its store for each test to damage."""

import shutil
from pathlib import Path

import pytest

from tests.support.verifying import filled


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store, closed. Read it only: records enough for two tiles and a part of one."""
    path = tmp_path_factory.mktemp("whole") / "store.db"
    filled(path, issuances=270)
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copyfile(whole, tmp_path / "copy.db"))
