"""A small HTTPS server that answers as a test says, and remembers what it was sent."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.certificates import TestCertificate


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to answer. `None` in place of one closes the connection without a word."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Answering = Callable[[Seen], Reply | None]


@dataclass
class HttpsServer:
    """Where it listens, every request so far, every connection that was made, and every one that ended."""

    port: int
    seen: list[Seen]
    connections: list[str]
    ended: list[str]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@contextmanager
def https_server(folder: Path, certificate: TestCertificate, answering: Answering) -> Iterator[HttpsServer]:
    """Serve on loopback with that certificate until the block ends."""
    file = folder / f"server-{certificate.sha256[:8]}.pem"
    file.write_text(certificate.pem + certificate.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    seen: list[Seen] = []
    connections: list[str] = []
    ended: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 10

        def setup(self) -> None:
            connections.append("open")
            super().setup()

        def finish(self) -> None:
            super().finish()
            ended.append("closed")

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Seen(self.command, self.path, dict(self.headers), self.rfile.read(length))
            seen.append(request)
            reply = answering(request)
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            sized = {} if "Transfer-Encoding" in reply.headers else {"Content-Length": str(len(reply.body))}
            for name, value in {**sized, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:  # a client that turns away is what some tests are about
            pass

    server = Server(("127.0.0.1", 0), Handler)
    # the handshake is done by each connection's own thread, so that a client that turns away blocks nobody
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield HttpsServer(server.server_address[1], seen, connections, ended)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
