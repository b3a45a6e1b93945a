"""The connection that an answer goes out on while it is still being made."""

import select
import socket
from typing import Any, Self

_UNSENT_BYTES = 8 * 1024
"""Of a send buffer, which the kernel doubles. What lies there is as unread as what was never written, and
a few lines must do for the way there and back."""


class Peer:
    """Who reads an answer; where there is no connection, as in a test, one who reads on."""

    def __init__(self, channel: socket.socket | None) -> None:
        self._channel = channel

    @classmethod
    def of(cls, environ: dict[str, Any]) -> Self:
        """The one whose request has this WSGI environment."""
        return cls(environ.get("gunicorn.socket"))

    def keep_close(self) -> None:
        """Let little lie in the kernel's buffer: a write then waits for a peer that falls behind."""
        if self._channel is not None:
            self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT_BYTES)

    def gone(self) -> bool:
        """Whether it has closed its end, as far as can be known without writing to it."""
        if self._channel is None:
            return False
        watch = select.poll()
        watch.register(self._channel, select.POLLRDHUP)
        return bool(watch.poll(0))
