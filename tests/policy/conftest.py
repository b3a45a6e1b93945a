"""A policy on disk for each test."""

from pathlib import Path

import pytest

from tests.support.policy_files import PolicyFiles


@pytest.fixture
def files(tmp_path: Path) -> PolicyFiles:
    return PolicyFiles(tmp_path / "policy")
