"""Callers that open a connection and then do nothing, or too little: the service goes on.

The server under test has 2 threads and deadlines of 1 to 1.5 s, but for the one that is as it comes.
What is measured here takes without end, or several times PATIENCE_S, where the thing under test is
missing, and a moment where it is there.
"""

import contextlib
import ssl
import time
from collections.abc import Iterator
from select import select

import pytest

from broker.server.sockets import Deadlines
from tests.support.http_server import Running, read_all, server

THREADS = 16
"""What the configuration sets where it says nothing."""
STALLING = 3
PATIENCE_S = 20.0
SILENT = 30
"""gunicorn alone gives each of them a thread for 5 s: 75 s with two threads."""
LINGERING = 24
"""gunicorn alone lingers for 2 s on each, one after the other: 48 s."""


STALLED = {
    "head": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-",
    "body that nobody reads": b"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    "body that is read": (
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_"
    ),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server(tmp_path_factory.mktemp("stalls"), threads=2) as found:
        yield found


@pytest.fixture(scope="module")
def as_it_comes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server(tmp_path_factory.mktemp("default"), threads=THREADS, deadlines=Deadlines()) as found:
        yield found


@pytest.mark.alone
@pytest.mark.parametrize("part", [*STALLED.values(), b""], ids=[*STALLED, "TLS hello"])
def test_beside_four_stalled_connections_for_each_thread_a_request_waits_5_s_at_most(
    as_it_comes: Running, part: bytes
) -> None:
    hello = _client_hello()
    with contextlib.ExitStack() as held:
        for _ in range(4 * THREADS):
            if part:
                held.enter_context(as_it_comes.tls()).sendall(part)
            else:
                held.enter_context(as_it_comes.connect()).sendall(hello[:40])
        started = time.monotonic()
        assert as_it_comes.ticket()[0] == 200
        assert time.monotonic() - started <= 5


def test_a_silent_connection_holds_no_thread_at_all(running: Running) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(SILENT):
            held.enter_context(running.connect())
        assert _answered_within(running, PATIENCE_S)


def test_a_stalled_tls_hello_holds_no_thread_for_good(running: Running) -> None:
    hello = _client_hello()
    with contextlib.ExitStack() as held:
        for _ in range(STALLING):
            held.enter_context(running.connect()).sendall(hello[:40])
        assert _answered_within(running, PATIENCE_S)


@pytest.mark.parametrize("part", STALLED.values(), ids=STALLED)
def test_a_stalled_request_holds_no_thread_for_good(running: Running, part: bytes) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(STALLING):
            held.enter_context(running.tls()).sendall(part)
        assert _answered_within(running, PATIENCE_S)


def test_a_request_that_drips_is_cut_at_its_total_deadline(running: Running) -> None:
    with running.tls() as connection:
        started = time.monotonic()
        _drip(connection)
        took = time.monotonic() - started

    assert took < PATIENCE_S, "the whole of it would take 100 s"


def test_a_caller_that_keeps_its_side_open_delays_nobody(running: Running) -> None:
    started = time.monotonic()
    with contextlib.ExitStack() as held:
        for _ in range(LINGERING):
            connection = held.enter_context(running.tls())
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert running.call("GET", "/healthz")[0] == 200
        assert time.monotonic() - started < PATIENCE_S


@pytest.mark.parametrize("part", STALLED.values(), ids=STALLED)
def test_a_slow_caller_leaves_no_traceback(running: Running, part: bytes) -> None:
    start = len(running.log())
    with running.tls() as connection:
        connection.sendall(part)
        read_all(connection)  # until the server gives it up
    assert running.call("GET", "/healthz")[0] == 200

    assert "Traceback" not in running.log()[start:]


def _answered_within(running: Running, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if running.call("GET", "/healthz")[0] == 200:
                return True
    return False


def _drip(connection: ssl.SSLSocket) -> None:
    """Send a byte now and then until the server has had enough; in one thread, as OpenSSL asks."""
    with contextlib.suppress(OSError):
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Drip: " + b"x" * 1000:
            connection.sendall(bytes([byte]))
            if select([connection], [], [], 0.1)[0]:
                read_all(connection)
                return


def _client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()
