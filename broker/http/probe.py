"""Asks a running broker on this machine whether it answers: `python -m broker.http.probe`.

For the container's HEALTHCHECK. It reads server.yaml as `broker serve` does, so it needs no address
and no trust of its own: the peer must show the very certificate that the listener is given.
"""

import os
import socket
import ssl
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from broker.errors import BrokerError
from broker.model.settings import ServerSettings, TlsListener, UnixListener
from broker.policy.load import load_server

TIMEOUT_S = 3.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def answers(settings: ServerSettings) -> bool:
    """Whether /healthz says 200 on the listener of these settings, within TIMEOUT_S a step."""
    name = urlsplit(settings.issuer).hostname or ""
    connection = HTTPConnection(name, timeout=TIMEOUT_S)
    try:
        connection.sock = _connected(settings.listener, name)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _connected(listener: TlsListener | UnixListener, name: str) -> socket.socket:
    match listener:
        case UnixListener(path):
            return _on_unix(path)
        case TlsListener(host, port, certificate, _):
            plain = socket.create_connection((_ANY_ADDRESS.get(host, host), port), TIMEOUT_S)
            return _over_tls(plain, certificate, name)


def _on_unix(path: Path) -> socket.socket:
    with ExitStack() as unless_connected:
        channel = unless_connected.enter_context(socket.socket(socket.AF_UNIX))
        channel.settimeout(TIMEOUT_S)
        channel.connect(str(path))
        unless_connected.pop_all()
    return channel


def _over_tls(plain: socket.socket, certificate: Path, name: str) -> socket.socket:
    with ExitStack() as unless_verified:
        unless_verified.enter_context(plain)
        context = ssl.create_default_context(cafile=certificate)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the listener's own certificate is the anchor
        channel = context.wrap_socket(plain, server_hostname=name)
        unless_verified.pop_all()
    return channel


def main(environment: Mapping[str, str]) -> int:
    """The exit code: 0 when it answers, 1 when not."""
    directory = Path(environment.get("BROKER_CONFIG", "/etc/cim-ticket-broker"))
    try:
        return 0 if answers(load_server(directory)) else 1
    except BrokerError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
