"""What every command of these tests has around it."""

from pathlib import Path

import pytest

from tests.support.log_keys import LOG_KEYS


@pytest.fixture(autouse=True)
def log_keys(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys of the tests' logs, where a command finds them that is told of a store alone."""
    keys = tmp_path_factory.mktemp("keys") / "audit-keys"
    LOG_KEYS.write(keys)
    monkeypatch.setenv("BROKER_AUDIT_KEYS", str(keys))
    return keys
