"""The measuring process's end of the line."""

import json
import sys
from collections.abc import Iterator
from typing import Any


def orders() -> Iterator[dict[str, Any]]:
    """What the bench wants, until it closes our standard input."""
    for line in sys.stdin:
        yield json.loads(line)


def ready() -> None:
    """Say that all is warm; returns when the bench says `go`."""
    say("ready")
    sys.stdin.readline()


def say(message: object) -> None:
    """One line to the bench."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
