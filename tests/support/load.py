"""Apps that ask for tickets without a pause, while something happens to the broker."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from broker.client.errors import ClientError
from tests.support.stack import HOST, Stack
from tests.support.tools import require_tool

LONGEST_S = 300


class Loaded(NamedTuple):
    """Tickets that came, statuses of what came instead, and connections that broke or could not be made."""

    issued: int
    statuses: list[int]
    broken: int


class Wrk:
    """Many connections, each with its next request as soon as it has its answer.

    wrk verifies no certificate: what it sends is worth nothing beyond the test's own broker.
    """

    def __init__(self, stack: Stack, connections: int) -> None:
        script = Path(__file__).with_name("tickets.lua")
        asked = {"LOAD_TOKEN": stack.access_token(), "LOAD_BODY": json.dumps({"host": HOST})}
        self._process = subprocess.Popen(
            [
                str(require_tool("wrk")),
                *("--threads", "1", "--connections", str(connections), "--duration", f"{LONGEST_S}s"),
                *("--timeout", "30s", "--script", str(script), f"{stack.site.url}/v1/tickets"),
            ],
            env={**os.environ, **asked},
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> Loaded:
        """End it; what came back."""
        self._process.send_signal(signal.SIGINT)
        told, _ = self._process.communicate(timeout=60)
        return Loaded(**json.loads(told.splitlines()[-1]))

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def asking_everywhere(stack: Stack, connections: int = 8) -> Iterator[Wrk]:
    """Load for the length of the block, or until it is stopped."""
    load = Wrk(stack, connections)
    try:
        yield load
    finally:
        load.close()


class Repeated:
    """One who asks again and again, in a thread, and keeps what came back."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers: list[object] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            try:
                self.answers.append(self._ask())
            except ClientError as error:
                self.failures.append(str(error))
