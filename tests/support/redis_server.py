"""A Redis of the test's own, on a port of loopback, that can end and come back there."""

import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from broker.demo.processes import free_port
from tests.support.deadline import eventually
from tests.support.tools import require_tool


class RedisServer:
    """Keeps nothing on disk: whoever comes back has forgotten every window."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._command = [
            str(require_tool("redis-server")),
            *("--bind", "127.0.0.1", "--port", str(self._port), "--save", "", "--appendonly", "no"),
            *("--dir", str(folder), "--logfile", str(folder / "redis.log")),
        ]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """Its process while it runs."""
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        self._process = subprocess.Popen(self._command)
        assert eventually(self._answers, 10), "redis-server did not start"

    def kill(self) -> None:
        """As a crash of its machine would end it."""
        self._process.kill()
        self._process.wait(10)

    def pause(self) -> None:
        """Let it hang: connections stay, nobody answers."""
        self._process.send_signal(signal.SIGSTOP)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
            return True
        return False
