"""A line to a server that can be cut around one message: before the server had it, or before it answered."""

import socket
import threading
from contextlib import suppress
from typing import Literal, Self

Cut = Literal["before", "after"]


class TcpLine:
    """Listens on `port` of loopback and leads on to `target`, which may change between connections."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._cut: Cut | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._passing: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.hang_up()
        for passing in self._passing:
            passing.join()
        for end in self._ends:
            end.close()

    def cut(self, when: Cut) -> None:
        """End every connection at what a client says next: unheard, or heard and without an answer."""
        self._cut = when

    def hang_up(self) -> None:
        """End every connection now."""
        self._cut = None
        for end in tuple(self._ends):  # and none that a client makes upon it
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    client.close()
                    continue
                self._ends += [client, server]
                self._begin(client, server, "before")
                self._begin(server, client, "after")

    def _begin(self, source: socket.socket, sink: socket.socket, cut: Cut) -> None:
        passing = threading.Thread(target=self._pass, args=(source, sink, cut))
        self._passing.append(passing)
        passing.start()

    def _pass(self, source: socket.socket, sink: socket.socket, cut: Cut) -> None:
        with suppress(OSError):
            while said := source.recv(65536):
                if self._cut == cut:
                    self.hang_up()
                    break
                sink.sendall(said)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
