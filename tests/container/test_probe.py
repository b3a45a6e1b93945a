"""The health check of the container, against a listener over TLS and one on a Unix socket."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from broker.http.probe import answers, main
from broker.model.settings import ServerSettings, TlsListener, UnixListener
from tests.support.authority import Authority
from tests.support.http_fakes import settings_for


class Healthz(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Broken(Healthz):
    status = 500


class UnixServer(socketserver.UnixStreamServer):
    def get_request(self) -> tuple[object, object]:  # type: ignore[override]
        channel, _ = super().get_request()
        return channel, ("local", 0)


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def tls_listener(folder: Path, handler: type[Healthz]) -> Iterator[ServerSettings]:
    files = Authority(folder).server("broker")
    server = HTTPServer(("127.0.0.1", 0), handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    listener = TlsListener("0.0.0.0", server.server_port, files.certificate, files.key)
    with serving(server):
        yield replace(settings_for(listener), issuer=f"https://localhost:{server.server_port}")


def test_a_broker_that_answers_over_tls_is_healthy(tmp_path: Path) -> None:
    with tls_listener(tmp_path, Healthz) as settings:
        assert answers(settings)


def test_a_broker_that_answers_with_an_error_is_not(tmp_path: Path) -> None:
    with tls_listener(tmp_path, Broken) as settings:
        assert not answers(settings)


def test_somebody_else_on_the_port_is_not_the_broker(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").server("other").certificate
    with tls_listener(tmp_path, Healthz) as settings:
        assert isinstance(settings.listener, TlsListener)
        assert not answers(replace(settings, listener=replace(settings.listener, certificate=other)))


def test_a_certificate_for_another_name_is_not_the_brokers(tmp_path: Path) -> None:
    with tls_listener(tmp_path, Healthz) as settings:
        assert not answers(replace(settings, issuer="https://broker.example.com"))


def test_a_broker_on_a_unix_socket_is_asked_there(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(UnixServer(str(path), Healthz)):
        assert answers(settings_for(UnixListener(path)))
    assert not answers(settings_for(UnixListener(tmp_path / "nobody")))


def test_a_configuration_that_cannot_be_read_is_said_and_not_healthy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"BROKER_CONFIG": str(tmp_path)}) == 1
    assert "server.yaml" in capsys.readouterr().err
