"""A skip says what is missing, and fails where CI=true."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import tools

_ASKS_FOR_A_MISSING_TOOL = """
from tests.support import tools

def test_it(monkeypatch):
    monkeypatch.setattr(tools, "find_tool", lambda name, environment: None)
    tools.require_tool("wrk")
"""


def run_a_test_that_misses_a_tool(folder: Path, ci: str) -> str:
    (folder / "test_missing.py").write_text(_ASKS_FOR_A_MISSING_TOOL)
    (folder / "conftest.py").write_text((tools.ROOT / "tests" / "conftest.py").read_text())
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-ra", str(folder)],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(tools.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout


def test_a_missing_tool_skips_with_the_line_that_installs_it(tmp_path: Path) -> None:
    closing = run_a_test_that_misses_a_tool(tmp_path, "")
    assert "1 skipped" in closing
    assert "apt-get install -y --no-install-recommends wrk" in closing


def test_in_ci_a_missing_tool_is_a_failure_with_the_same_line(tmp_path: Path) -> None:
    closing = run_a_test_that_misses_a_tool(tmp_path, "true")
    assert "1 failed" in closing
    assert "skipped in CI" in closing
    assert "apt-get install -y --no-install-recommends wrk" in closing


def test_a_tool_is_found_where_a_users_path_does_not_lead() -> None:
    found = tools.find_tool("nginx", {"PATH": "/nonexistent"})
    if found is None:
        pytest.skip(f"nginx is not installed: {tools.how_to_get('nginx')}")
    assert found.name == "nginx"


def test_a_tool_that_nobody_installs_is_an_error_in_the_test() -> None:
    with pytest.raises(KeyError):
        tools.require_tool("a-program-of-which-nobody-heard")


def test_what_is_installed_as_root_is_what_tests_may_ask_for() -> None:
    script = (tools.ROOT / ".ci" / "debian-tools").read_text()
    needed = dict(shlex.split(line)[1:] for line in script.splitlines() if re.match(r"need [a-z]", line))
    assert needed == tools.DEBIAN_PACKAGES
