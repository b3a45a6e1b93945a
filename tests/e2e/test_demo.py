"""`broker demo` shows what the product does, in time, and leaves nothing behind unless told to."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.tools import ROOT, require_tool

WITHIN_S = 20.0


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration with `folder` for its temporary files."""
    return subprocess.run(
        [sys.executable, "-m", "broker", "demo", "--roles", str(ROOT / "roles"), *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.alone
def test_the_demonstration_shows_ticket_sensors_record_receipt_two_refusals_and_an_audit(
    tmp_path: Path,
) -> None:
    began = time.monotonic()
    done = demo(tmp_path)
    took_s = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    for shown in (
        "role cim-broker-cim-ticket: created",
        "ticket *** for esx0001.lab.example",
        "Fan Device 1",
        '"event": "ticket_issued"',
        "public key of the log, as an admin handed it over: localhost:",
        "newest checkpoint, as the app keeps it:\nlocalhost:",
        "403 not_granted",
        "refused the ticket",
        "1 kept checkpoint, 1 receipt",
        "a key that you gave",
        "good: all records of localhost:",
    ):
        assert shown in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert took_s < WITHIN_S


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[str]:
    """What a demonstration that goes on says; ended after the test."""
    done = demo(tmp_path, "--keep")
    assert done.returncode == 0, done.stderr
    yield done.stdout
    ending = re.search(r"To end it: kill ([\d ]+) &&", done.stdout)
    assert ending
    for pid in ending[1].split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)


def test_a_demonstration_that_is_kept_says_how_to_get_a_ticket(kept: str) -> None:
    require_tool("curl")
    for line in (line for line in kept.splitlines() if "| curl" in line or " ticket esx" in line):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=30)
        assert '"session_id"' in done.stdout, done.stderr
    for line in (line for line in kept.splitlines() if " roles " in line or " audit " in line):
        admin = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False, timeout=30)
        assert admin.returncode == 0, admin.stderr
    assert "client id" in kept
    assert "private key" in kept
