"""Programs that do not come from PyPI: the tests that need one ask for it here.

    nginx = require_tool("nginx")

gives its path, or skips the calling test and says how to install it. Where CI=true stands in the
environment a skip is a failure (tests/conftest.py), so nothing is left out unseen there.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

DEBIAN_PACKAGES = {
    "cc": "gcc libc6-dev",
    "curl": "curl",
    "nginx": "nginx",
    "postgres": "postgresql",
    "redis-server": "redis-server",
    "wbemcli": "sblim-wbemcli",
    "wrk": "wrk",
}
"""What `make test` installs as root, by the program that is asked for."""

FROM_PYPI = ("hadolint",)
"""What `make venv` installs beside the interpreter."""

BUILT = {name: ROOT / ".cache" / name for name in ("vcsim", "govc", "outsider", "fsck")}
"""What `make test` builds."""

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def require_tool(name: str) -> Path:
    """The program's path; skips the test, with the reason, where it is not there.

    Raises KeyError for a name that `make test` does not provide.
    """
    found = find_tool(name, os.environ)
    if found is None:
        pytest.skip(f"{name} is not installed: {how_to_get(name)}")
    return found


def find_tool(name: str, environment: Mapping[str, str]) -> Path | None:
    """The program on PATH, in the folders for system programs that a user's PATH leaves out, or built."""
    if name in BUILT:
        return _executable(BUILT[name])
    if name in FROM_PYPI:
        return _executable(Path(sys.executable).parent / name)
    DEBIAN_PACKAGES[name]  # a name that nobody installs is an error in the test
    versions = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    folders = os.pathsep.join((environment.get("PATH", ""), *_SYSTEM_FOLDERS, *versions))
    found = shutil.which(name, path=folders)
    return Path(found) if found else None


def how_to_get(name: str) -> str:
    """The one line that provides the program."""
    if name in BUILT:
        return "run `make test`, which builds it"
    if name in FROM_PYPI:
        return "run `make venv`"
    return f"apt-get install -y --no-install-recommends {DEBIAN_PACKAGES[name]}"


def _executable(file: Path) -> Path | None:
    return file if os.access(file, os.X_OK) else None
