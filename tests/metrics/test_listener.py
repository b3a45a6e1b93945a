"""The listener of the metrics: what it answers, whom it keeps out, and that nobody can hold it up."""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from broker.clock import SystemClock
from broker.demo.processes import free_port
from broker.errors import SecretUnavailable
from broker.metrics.exposition import Exposition
from broker.metrics.listener import MOST_OPEN, MetricsServer
from broker.metrics.meter import NotMeasurable, new_registry
from broker.model.settings import MetricsListener, MetricsTls
from broker.ports.clock import Clock
from tests.support.authority import Authority
from tests.support.clock import HandClock
from tests.support.deadline import eventually

CANARY = "CANARY"


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("answer", "of all", registry=made).set(42)
    return made


@contextmanager
def listening(
    tls: Callable[[], ssl.SSLContext] | None = None, clock: Clock | None = None
) -> Iterator[MetricsServer]:
    server = MetricsServer("127.0.0.1", 0, tls, registry(), clock or SystemClock())
    server.start()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    with listening() as running:
        yield running


def connect(server: MetricsServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10)


def ask(server: MetricsServer, raw: bytes) -> bytes:
    with connect(server) as connection:
        connection.sendall(raw)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def scrape(server: MetricsServer) -> bytes:
    return ask(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")


def test_metrics_are_answered_in_the_text_format(server: MetricsServer) -> None:
    head, _, body = scrape(server).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"\nanswer 42.0\n" in body


def test_a_scraper_that_prefers_it_gets_openmetrics(server: MetricsServer) -> None:
    accept = b"Accept: application/openmetrics-text; version=1.0.0"
    answer = ask(server, b"GET /metrics HTTP/1.1\r\n" + accept + b"\r\n\r\n")
    assert b"Content-Type: application/openmetrics-text" in answer
    assert answer.endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metric", "/favicon.ico", f"/{CANARY}"])
def test_there_is_nothing_at_any_other_path(server: MetricsServer, path: str) -> None:
    answer = ask(server, f"GET {path} HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 404 ")
    assert CANARY.encode() not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE", CANARY])
def test_there_is_no_other_method(server: MetricsServer, method: str) -> None:
    answer = ask(server, f"{method} /metrics HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 405 ")
    assert b"\r\nAllow: GET\r\n" in answer
    assert CANARY.encode() not in answer


@pytest.mark.parametrize(
    "raw",
    [
        f"{CANARY}\r\n\r\n",
        f"GET /metrics {CANARY}\r\n\r\n",
        f"GET /{CANARY * 20_000} HTTP/1.1\r\n\r\n",
        "GET /metrics HTTP/1.1\r\n" + f"X: {CANARY}\r\n" * 200 + "\r\n",
    ],
)
def test_what_is_no_request_is_neither_repeated_nor_logged(
    server: MetricsServer, caplog: pytest.LogCaptureFixture, raw: str
) -> None:
    caplog.set_level(0)
    with connect(server) as connection:
        connection.sendall(raw.encode())
        try:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionResetError:  # what was not read of it is thrown away
            answer = b""
    assert not answer.startswith(b"HTTP/1.0 200 ")
    assert CANARY.encode() not in answer
    assert caplog.records == []


def test_the_answer_tells_no_version(server: MetricsServer) -> None:
    assert b"\r\nServer: broker\r\n" in scrape(server)


def test_nobody_is_looked_up_in_the_dns(server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object) -> None:
        raise AssertionError("asked the DNS")

    for name in ("getfqdn", "gethostbyaddr", "gethostbyname", "getnameinfo"):
        monkeypatch.setattr(socket, name, look_up)
    assert b" 200 " in scrape(server)
    with listening() as other:
        assert b" 200 " in scrape(other)


def test_stalled_connections_make_place_for_a_scrape(server: MetricsServer) -> None:
    with ExitStack() as stalled:
        for part in (b"", b"GET /met", b"GET /metrics HTTP/1.1\r\nX: ") * MOST_OPEN:
            connection = stalled.enter_context(connect(server))
            connection.sendall(part)
        assert scrape(server).startswith(b"HTTP/1.0 200 ")


def test_a_connection_ends_after_its_time_whatever_it_is_doing() -> None:
    clock = HandClock()
    with listening(clock=clock) as server, connect(server) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert scrape(server).startswith(b"HTTP/1.0 200 ")  # the other is accepted by now
        clock.advance(6)
        assert connection.recv(1) == b""


def test_closing_ends_whoever_is_connected() -> None:
    with listening() as server:
        connection = connect(server)
        connection.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert scrape(server)
    with closing(connection):
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(server)


# TLS


class Site:
    """Files of a listener with TLS, and clients of it."""

    def __init__(self, folder: Path) -> None:
        (folder / "clients").mkdir()
        self.authority = Authority(folder)
        self.clients = Authority(folder / "clients")
        files = self.authority.server("metrics")
        tls = MetricsTls(files.certificate, files.key, self.clients.anchor)
        self.listener = MetricsListener("127.0.0.1", free_port(), tls)

    def scrape(self, *, certificate: bool) -> int:
        context = ssl.create_default_context(cafile=str(self.authority.anchor))
        if certificate:
            own = self.clients.server("prometheus")
            context.load_cert_chain(own.certificate, own.key)
        client = http.client.HTTPSConnection("127.0.0.1", self.listener.port, context=context, timeout=10)
        with closing(client):
            client.request("GET", "/metrics")
            return client.getresponse().status


@contextmanager
def shown(listener: MetricsListener, ports: int = 1) -> Iterator[Exposition]:
    exposition = Exposition(listener, ports, registry(), SystemClock())
    exposition.start()
    try:
        yield exposition
    finally:
        exposition.close()


def test_who_shows_a_certificate_of_the_client_ca_reads_metrics_over_tls(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with shown(site.listener):
        assert site.scrape(certificate=True) == 200


def test_who_shows_none_reads_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with shown(site.listener), pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        site.scrape(certificate=False)


def test_without_a_client_ca_tls_alone_will_do(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.listener.tls
    site.listener = replace(site.listener, tls=replace(site.listener.tls, client_ca=None))
    with shown(site.listener):
        assert site.scrape(certificate=False) == 200


def test_a_silent_handshake_makes_place_for_a_scrape(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with shown(site.listener), ExitStack() as stalled:
        for _ in range(3 * MOST_OPEN):
            address = ("127.0.0.1", site.listener.port)
            stalled.enter_context(closing(socket.create_connection(address, timeout=10)))
        assert site.scrape(certificate=True) == 200


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.listener.tls
    site.listener.tls.key.chmod(0o640)
    with pytest.raises(SecretUnavailable, match="must have mode 0600"):
        Exposition(site.listener, 1, registry(), SystemClock())


# Ports


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            return connection.recv(13) == b"HTTP/1.0 200 "
    except ConnectionError:
        return False


def neighbouring_ports() -> int:
    """The first of two free ports in a row."""
    while True:
        first = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
            return first


def test_each_worker_takes_a_port_of_its_own() -> None:
    listener = MetricsListener("127.0.0.1", neighbouring_ports(), None)
    with shown(listener, 2), shown(listener, 2):
        assert answers(listener.port)
        assert answers(listener.port + 1)


def test_a_worker_that_finds_no_port_takes_that_of_one_that_ends(caplog: pytest.LogCaptureFixture) -> None:
    listener = MetricsListener("127.0.0.1", free_port(), None)
    before = Exposition(listener, 1, registry(), SystemClock())
    before.start()
    with shown(listener):
        assert [r.levelname for r in caplog.records if "not shown yet" in r.getMessage()] == ["WARNING"]
        before.close()
        assert eventually(lambda: answers(listener.port), 10)


# The library


def test_metrics_that_processes_share_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere")
    with pytest.raises(NotMeasurable, match="PROMETHEUS_MULTIPROC_DIR is set"):
        new_registry()
