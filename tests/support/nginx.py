"""The shipped nginx example, with the real nginx, in front of a server that runs."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.http_server import Running, wait_for
from tests.support.tools import require_tool

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "nginx.conf"


@contextlib.contextmanager
def nginx_before(running: Running) -> Iterator[int]:
    """nginx in front of the socket of `running`; gives its port."""
    folder, port = running.folder, _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_adapted(running, port))
    process = subprocess.Popen(
        [
            str(require_tool("nginx")),
            *("-p", str(folder), "-c", str(configuration)),
            *("-e", str(folder / "start.log"), "-g", "daemon off;"),
        ]
    )
    try:
        _wait_until_listening(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _adapted(running: Running, port: int) -> str:
    """The example with this test's places in it, and with more patience for clients that stall.

    nginx gives them up after 5 s as it is shipped: too soon to tell a held thread from a slow machine.
    """
    folder = running.folder
    user = "user root;" if os.geteuid() == 0 else ""
    text = EXAMPLE.read_text()
    for old, new in (
        ("user www-data broker;", user),
        ("/run/nginx.pid", str(folder / "nginx.pid")),
        ("/var/log/nginx/error.log warn", str(folder / "nginx-error.log") + " info"),
        ("/var/log/nginx/broker.log", str(folder / "nginx-access.log")),
        ("/run/broker/broker.sock", str(running.address)),
        ("listen 443 ssl ", f"listen 127.0.0.1:{port} ssl "),
        ("/etc/nginx/broker.crt", str(folder / "broker.pem")),
        ("/etc/nginx/broker.key", str(folder / "broker.key")),
        ("client_header_timeout 5s;", "client_header_timeout 120s;"),
        ("client_body_timeout 5s;", "client_body_timeout 120s;"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    def listening() -> bool:
        assert process.poll() is None, "nginx ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    wait_for(listening, "nginx")
