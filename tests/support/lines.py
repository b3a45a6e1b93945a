"""Connections that each lead to a known worker, whatever the kernel would have chosen."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any, NamedTuple, TypeVar

from tests.support.stack import Stack, workers_of

Answer = TypeVar("Answer")


class Heard(NamedTuple):
    """An answer: its status, and its body, which is JSON."""

    status: int
    body: Any


class Line:
    """A connection to one worker, kept alive for as long as the broker does: some seconds."""

    def __init__(self, stack: Stack) -> None:
        context = ssl.create_default_context(cafile=str(stack.site.broker_ca))
        host, _, port = stack.site.url.removeprefix("https://").partition(":")
        self._connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)

    def get(self, path: str, token: str = "") -> Heard:
        return self._ask("GET", path, None, {"Authorization": f"Bearer {token}"} if token else {})

    def post(self, path: str, token: str, body: Mapping[str, Any], **headers: str) -> Heard:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **named}
        return self._ask("POST", path, json.dumps(body), sent)

    def form(self, path: str, encoded: str) -> Heard:
        return self._ask("POST", path, encoded, {"Content-Type": "application/x-www-form-urlencoded"})

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Heard:
        self._connection.request(method, path, body, dict(headers))
        answer = self._connection.getresponse()
        return Heard(answer.status, json.loads(answer.read()))

    def close(self) -> None:
        self._connection.close()


@contextmanager
def line_to_each(stack: Stack, process: "subprocess.Popen[bytes]") -> Iterator[list[Line]]:
    """One line to each worker."""
    workers = workers_of(process)
    with ExitStack() as lines:
        yield [lines.enter_context(closing(_line_to(stack, worker, workers))) for worker in workers]


def _line_to(stack: Stack, worker: int, workers: Sequence[int]) -> Line:
    """While the others are stopped, none but this worker can accept."""
    others = [other for other in workers if other != worker]
    line = Line(stack)
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        assert line.get("/healthz").status == 200
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)
    return line


def at_once(lines: Sequence[Line], ask: Callable[[Line], Answer]) -> list[Answer]:
    """Ask on every line at the same time; the answers in the order of the lines."""
    start = threading.Barrier(len(lines))

    def wait_and_ask(line: Line) -> Answer:
        start.wait(20)
        return ask(line)

    with ThreadPoolExecutor(len(lines)) as pool:
        return list(pool.map(wait_and_ask, lines))
