"""A disk of the store's own that a test can fill, without touching the machine's.

A tmpfs, in a mount namespace of the tests that use it: `rerun` runs them there.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stack import ROOT

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
_MARK = "TESTS_RUN_IN_A_NAMESPACE"

INSIDE = _MARK in os.environ
"""Whether these tests run where they may mount what they like."""


def may_be_had() -> bool:
    """Whether this machine lets us have a namespace."""
    probe = [*_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(probe, check=False).returncode == 0


def rerun(module: str) -> "subprocess.CompletedProcess[str]":
    """Run the tests of a file once more, in a namespace of their own."""
    command = [*_NAMESPACE, sys.executable, "-m", "pytest", "-n0", "-q", module]
    environment = {**os.environ, _MARK: "yes"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


class SmallDisk:
    """What is mounted at `place`."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._ballast = place / "ballast"

    def fill(self, leaving_bytes: int = 0) -> None:
        """From now on no more than so much is free."""
        disk = os.statvfs(self._place)
        taken = max(0, disk.f_bavail * disk.f_frsize - leaving_bytes)
        with self._ballast.open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, taken)

    def allow(self, inodes: int) -> None:
        """From now on there are no more than so many files and folders, itself counted."""
        subprocess.run(["mount", "-o", f"remount,nr_inodes={inodes}", self._place], check=True)

    def empty(self) -> None:
        """Take back what filled it."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def mounted(place: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """A disk of its own for the folder `place`, with what lies there."""
    aside = place.with_name(place.name + ".aside")
    place.rename(aside)
    place.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "none", place], check=True)
    try:
        shutil.copytree(aside, place, dirs_exist_ok=True)
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
