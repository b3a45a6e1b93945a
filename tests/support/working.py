"""A product with several workers, all of them at work."""

import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.support.lines import Line, line_to_each
from tests.support.redis_server import RedisServer
from tests.support.stack import Stack, until


@dataclass(frozen=True)
class Workers:
    """A product, and its main process."""

    stack: Stack
    process: "subprocess.Popen[bytes]"

    def each(self) -> AbstractContextManager[list[Line]]:
        """A line to each worker."""
        return line_to_each(self.stack, self.process)

    def ask(self, path: str, token: str) -> list[int]:
        """What each worker answers, one after the other."""
        with self.each() as lines:
            return [line.get(path, token).status for line in lines]

    def sessions(self) -> int:
        """How many sessions the low-privilege account has on vCenter."""
        return sum("svc-cim-a" in each["user"] for each in self.stack.lab.control.sessions())


def serving(stack: Stack, workers: int, redis: RedisServer) -> Workers:
    """Serve with so many; all of them are ready."""
    stack.workers(workers, redis.url)
    process = stack.serve()
    until(lambda: ready_workers(stack) >= workers, "all workers")
    return Workers(stack, process)


def ready_workers(stack: Stack) -> int:
    """How many workers have been ready so far."""
    return (stack.site.root / "serve.log").read_text().count(" is ready")
