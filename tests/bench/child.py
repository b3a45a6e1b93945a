"""The bench's end of the line to a client that measures in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]


class Child:
    """Takes an order a line, and answers with a line: `ready`, then, once it was told `go`, the result."""

    def __init__(self, module: str, process: "subprocess.Popen[str]") -> None:
        self._module = module
        self._process = process

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def send(self, message: object) -> None:
        """One line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Its next one. Raises ClickException when there will be none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException(f"{self._module} ended; what it said stands above")
        return json.loads(line)


@contextmanager
def running_child(module: str) -> Iterator[Child]:
    """The module as a process; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield Child(module, process)
    finally:
        process.terminate()
        process.communicate(timeout=20)
