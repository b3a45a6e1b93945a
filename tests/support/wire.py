"""The network between the broker and its vCenter: a TCP proxy on loopback that can break what passes.

TLS goes through it from end to end, so names and certificates are those of the vCenter.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST at once."""
_CHUNK = 65536


class Wire:
    """A wire to `port`. What is done to it holds until `heal`; ends with its `with`."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._changing = threading.Lock()
        self._pairs: list[_Pair] = []
        self._refusing = False
        self._silent = False
        self._delay_s = 0.0
        self._answer_bytes: int | None = None
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._accepting.join()
        self._listener.close()
        self.heal()
        self.reset()

    def reset(self) -> None:
        """End every connection with RST; new ones are taken."""
        with self._changing:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.reset()

    def refuse(self) -> None:
        """End every connection with RST, the new ones as soon as they come."""
        self._refusing = True
        self.reset()

    def swallow(self) -> None:
        """Connections stand, new ones are taken, and nothing arrives."""
        self._silent = True

    def delay(self, seconds: float) -> None:
        """Each piece of an answer takes so much longer."""
        self._delay_s = seconds

    def cut_answers(self, after_bytes: int) -> None:
        """Of all that the vCenter says from now on, so much arrives; then RST, once."""
        self._answer_bytes = after_bytes

    def heal(self) -> None:
        """Be a wire again. What was swallowed does not come back: those connections are reset."""
        swallowed = self._silent
        self._refusing = self._silent = False
        self._delay_s, self._answer_bytes = 0.0, None
        if swallowed:
            self.reset()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        far = socket.socket()
        pair = _Pair(near, far)
        try:
            far.connect(self._target)
        except OSError:
            pair.reset()
            return
        if self._refusing:
            pair.reset()
            return
        with self._changing:
            self._pairs = [*(each for each in self._pairs if not each.over.is_set()), pair]
        pair.start(self._request, lambda data: self._answer(pair, data))

    def _request(self, data: bytes) -> bytes:
        return b"" if self._silent else data

    def _answer(self, pair: "_Pair", data: bytes) -> bytes:
        pair.over.wait(self._delay_s)
        if self._silent:
            return b""
        with self._changing:
            allowed = self._answer_bytes
            if allowed is None:
                return data
            self._answer_bytes = None if len(data) >= allowed else allowed - len(data)
        if len(data) >= allowed:
            pair.near.sendall(data[:allowed])
            pair.reset()
            return b""
        return data


class _Pair:
    """One connection: its near end is the broker's, its far end the vCenter's."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near = near
        self.far = far
        self.over = threading.Event()

    def start(self, request: Callable[[bytes], bytes], answer: Callable[[bytes], bytes]) -> None:
        for source, drain, changed in ((self.near, self.far, request), (self.far, self.near, answer)):
            threading.Thread(target=self._pump, args=(source, drain, changed), daemon=True).start()

    def _pump(self, source: socket.socket, drain: socket.socket, changed: Callable[[bytes], bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                drain.sendall(changed(data))
        if not self.over.is_set():
            self.over.set()
            _close(self.near, self.far)

    def reset(self) -> None:
        """End it with RST on both sides."""
        self.over.set()
        for end in (self.near, self.far):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        _close(self.near, self.far)


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RD)  # wakes whoever reads it: a socket in use is not closed
        end.close()
