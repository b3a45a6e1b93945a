"""Child processes of the demonstration: started, waited for, ended in reverse order."""

import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import click

_LOOK_EVERY_S = 0.05
_END_WITHIN_S = 10.0


class DemoFailed(click.ClickException):
    """A part of the demonstration did not do what it must."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return int(port)


class Children:
    """The `broker` commands that run beside this one; each writes its output to a log of its own."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._stack = ExitStack()
        self._pids: list[int] = []

    def start(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start `broker ARGUMENTS`."""
        with (self._logs / f"{name}.log").open("wb") as log, (self._logs / f"{name}.out").open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own command, a list, no shell
                [sys.executable, "-m", "broker", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        self._stack.callback(_end, process)
        self._pids.append(process.pid)
        return process

    def keep(self) -> tuple[int, ...]:
        """Leave all running when this command ends; their process ids, the last one first."""
        self._stack.pop_all()
        return tuple(reversed(self._pids))

    def close(self) -> None:
        """End all, the last one first."""
        self._stack.close()

    def output_of(self, name: str) -> str:
        """All that a child has printed."""
        return (self._logs / f"{name}.out").read_text(errors="replace")

    def log_of(self, name: str) -> str:
        """The last lines that a child logged, for an error message."""
        return "\n".join((self._logs / f"{name}.log").read_text(errors="replace").splitlines()[-15:])


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(*arguments: str) -> str:
    """Run `broker ARGUMENTS` to its end and give what it printed. Raises DemoFailed."""
    return _ran("-m", "broker", *arguments)


def run_file(file: Path, *arguments: str) -> str:
    """Run a file of Python by itself to its end and give what it printed. Raises DemoFailed."""
    return _ran("-I", str(file), *arguments)


def _ran(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own command, a list, no shell
        [sys.executable, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DemoFailed(f"python {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def wait_for(
    what: str, children: Children, child: str, process: "subprocess.Popen[bytes]", ready: Callable[[], bool]
) -> None:
    """Wait until `ready()`, at most 20 s. Raises DemoFailed, with the child's last lines."""
    deadline = monotonic() + 20.0
    while not ready():
        if process.poll() is not None or monotonic() > deadline:
            raise DemoFailed(f"{what} did not come up:\n{children.log_of(child)}")
        sleep(_LOOK_EVERY_S)
