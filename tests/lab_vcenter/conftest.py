"""A fresh simulated vCenter for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab_vcenter import LabVCenter, lab_vcenter


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabVCenter]:
    with lab_vcenter(tmp_path) as running:
        yield running
