"""Callers that open a connection and then do nothing, or too little: the service goes on.

The server under test has 2 threads and deadlines of 1 to 1.5 s; three callers stall at once.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_server import Running, read_all, server

STALLING = 3
PATIENCE_S = 8.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server(tmp_path_factory.mktemp("stalls"), threads=2) as found:
        yield found


def test_a_silent_connection_holds_no_thread_at_all(running: Running) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(STALLING):
            held.enter_context(running.connect())
        assert _answered_within(running, 2.0)


def test_a_stalled_tls_hello_holds_no_thread_for_good(running: Running) -> None:
    hello = _client_hello()
    with contextlib.ExitStack() as held:
        for _ in range(STALLING):
            held.enter_context(running.connect()).sendall(hello[:40])
        assert _answered_within(running, PATIENCE_S)


@pytest.mark.parametrize(
    "part",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-",
        b"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        (
            b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_"
        ),
    ],
    ids=["head", "body that nobody reads", "body that is read"],
)
def test_a_stalled_request_holds_no_thread_for_good(running: Running, part: bytes) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(STALLING):
            held.enter_context(running.tls()).sendall(part)
        assert _answered_within(running, PATIENCE_S)


def test_a_request_that_drips_is_cut_at_its_total_deadline(running: Running) -> None:
    with running.tls() as connection:
        started = time.monotonic()
        stop = threading.Event()
        drip = threading.Thread(target=_drip, args=(connection, stop))
        drip.start()
        read_all(connection)
        took = time.monotonic() - started
        stop.set()
        drip.join()

    assert took < PATIENCE_S


def test_a_caller_that_keeps_its_side_open_delays_nobody(running: Running) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(4):
            connection = held.enter_context(running.tls())
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        started = time.monotonic()
        assert running.call("GET", "/healthz")[0] == 200

    assert time.monotonic() - started < 1.9  # gunicorn's own linger is 2 s for each


def test_a_slow_caller_leaves_no_traceback(running: Running, tmp_path: Path) -> None:
    assert "Traceback" not in running.log()


def _answered_within(running: Running, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if running.call("GET", "/healthz")[0] == 200:
                return True
    return False


def _drip(connection: ssl.SSLSocket, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Drip: " + b"x" * 1000:
            connection.sendall(bytes([byte]))
            if stop.wait(0.1):
                return


def _client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()
