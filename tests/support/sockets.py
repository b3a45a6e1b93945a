"""The other end of a connection whose server runs in this process."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def far_end_sends_at_once(client: socket.socket) -> bool:
    """Whether the server's end has TCP_NODELAY. This process must hold that end, and one."""
    ends = (client.getpeername(), client.getsockname())
    with _sockets() as ours:
        (server,) = (each for each in ours if _ends(each) == ends)
        return server.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@contextmanager
def _sockets() -> Iterator[list[socket.socket]]:
    """A second handle on every socket of this process: options belong to the socket, not to the handle."""
    handles = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            if not entry.is_socket():
                continue
            handles.append(socket.socket(fileno=os.dup(int(entry.name))))
    try:
        yield handles
    finally:
        for each in handles:
            each.close()


def _ends(each: socket.socket) -> tuple[object, object]:
    try:
        return each.getsockname(), each.getpeername()
    except OSError:
        return None, None
