"""The lab's control socket: one JSON object per line each way, for its owner only."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.lab.errors import LabError

_LONGEST_SOCKET_PATH = 100
"""sun_path holds 108 bytes on Linux."""

LONGEST_LINE = 64 * 1024

Message = dict[str, Any]


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """An address for `path` that fits into sun_path, however deep the directory lies."""
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def listen(path: Path) -> socket.socket:
    """A listening socket of mode 0600; nobody can connect before it has that mode.

    A socket file that nobody answers at is replaced. Raises LabError where somebody does.
    """
    refuse_if_answered(path)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(path) as address:
            listener.bind(address)
        path.chmod(0o600)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def refuse_if_answered(path: Path) -> None:
    """Raises LabError where a lab answers at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, socket_address(path) as address:
        if probe.connect_ex(address) == 0:
            raise LabError(f"another lab runs at {path}")


def encode(message: Message) -> bytes:
    """One line."""
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The object of one line. Raises ValueError."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not an object")  # noqa: TRY004 - callers know one error for a bad line
    return message
