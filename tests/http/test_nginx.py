"""The shipped nginx example with the real nginx in front of the real server."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.authority import Authority
from tests.support.http_server import Running, server, wait_for
from tests.support.issuing import TICKET
from tests.support.tools import require_tool

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "nginx.conf"
CANARY = "canary-in-a-query"
HOSTS = 100


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server behind nginx, addressed as a client does."""
    require_tool("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with server(folder, unix=True) as running, _nginx(running) as port:
        yield replace(running, address=["127.0.0.1", port])


@contextlib.contextmanager
def _nginx(running: Running) -> Iterator[int]:
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


def test_the_example_is_valid_as_it_is_shipped(tmp_path: Path) -> None:
    nginx = require_tool("nginx")
    text = EXAMPLE.read_text()
    shutil.copy(EXAMPLE, tmp_path / "nginx.conf")
    result = subprocess.run(
        [
            str(nginx),
            "-t",
            "-p",
            str(tmp_path),
            "-c",
            str(tmp_path / "nginx.conf"),
            "-e",
            str(tmp_path / "log"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    missing = ("broker.crt", 'getpwnam("', 'getgrnam("', "Permission denied")
    assert result.returncode == 0 or any(place in result.stderr for place in missing), result.stderr
    assert "unknown directive" not in result.stderr
    assert "proxy_pass_request_headers off" in text


def test_a_ticket_comes_through_the_proxy(proxied: Running) -> None:
    status, text = proxied.ticket()

    assert status == 200
    assert TICKET in text


@pytest.mark.parametrize(
    "spoofed",
    [
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.8",
        "X_Forwarded_For: 203.0.113.9",
        "x-forwarded-for:203.0.113.9",
        "Forwarded: for=203.0.113.9",
        "X-Real-IP: 203.0.113.9",
    ],
)
def test_the_address_is_the_one_that_nginx_sees(proxied: Running, spoofed: str) -> None:
    line = proxied.logged(f"GET / HTTP/1.1\r\nHost: x\r\n{spoofed}\r\nConnection: close\r\n\r\n".encode())

    assert line["address"] == "127.0.0.1"


def test_the_broker_receives_what_the_example_names_and_nothing_else(tmp_path: Path) -> None:
    require_tool("nginx")
    Authority(tmp_path).server("broker")
    heard: list[bytes] = []
    running = Running(0, str(tmp_path / "broker.sock"), tmp_path / "ca.pem", tmp_path)
    with socket.socket(socket.AF_UNIX) as upstream:
        upstream.bind(running.address)
        upstream.listen()
        listener = threading.Thread(target=_hear, args=(upstream, heard))
        listener.start()
        with _nginx(running) as port:
            replace(running, address=["127.0.0.1", port]).call(
                "POST",
                "/v1/tickets?dry_run=true",
                "{}",
                Authorization="Bearer x",
                Content_Type="application/json",
                Idempotency_Key="key",
                User_Agent="check/1",
                X_Forwarded_For="203.0.113.9",
                Forwarded="for=203.0.113.9",
                X_Real_IP="203.0.113.9",
                X_Client_Cert="x",
                Cookie="a=b",
                Accept_Encoding="gzip",
            )
        listener.join()

    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.decode().splitlines()[0] == "POST /v1/tickets?dry_run=true HTTP/1.1"
    assert dict(line.split(": ", 1) for line in head.decode().splitlines()[1:]) == {
        "Host": "127.0.0.1",
        "X-Forwarded-For": "127.0.0.1",
        "Authorization": "Bearer x",
        "Content-Type": "application/json",
        "Content-Length": "2",
        "Idempotency-Key": "key",
        "User-Agent": "check/1",
    }


def _hear(upstream: socket.socket, heard: list[bytes]) -> None:
    connection, _ = upstream.accept()
    with connection:
        got = b""
        while not got.endswith(b"{}"):
            got += connection.recv(65536)
        heard.append(got)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def test_headers_that_nobody_named_do_not_pass(proxied: Running) -> None:
    raw = (
        "GET /v1/hosts HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: http\r\nSCRIPT_NAME: /v1\r\n"
        "Cookie: a=b\r\nConnection: close\r\n\r\n"
    )

    assert proxied.ask(raw.encode()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nContent-Length: 36",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
    ],
)
def test_no_second_request_is_smuggled_through(proxied: Running, head: str) -> None:
    hidden = "/smuggled-" + re.sub(r"[^a-z0-9]+", "-", head.lower())
    raw = (
        f"POST /v1/tickets HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n0\r\n\r\n"
        f"GET {hidden} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    )

    with proxied.tls() as connection:
        connection.settimeout(1.0)
        connection.sendall(raw.encode())
        got = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while chunk := connection.recv(65536):
                got += chunk

    assert got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 ", b"HTTP/1.1 501 "))
    assert "203.0.113.9" not in proxied.log()


def test_lines_of_a_batch_come_through_at_once_and_a_reader_who_goes_is_seen_to_go(tmp_path: Path) -> None:
    require_tool("nginx")
    with server(tmp_path, unix=True, hosts=HOSTS, holds=True, passes=2) as running, _nginx(running) as port:
        through = replace(running, address=["127.0.0.1", port])
        with through.tls() as connection:
            through.begin_batch(connection, HOSTS)
            with http.client.HTTPResponse(connection) as answer:
                answer.begin()
                assert {answer.readline()[:9] for _ in range(2)} == {b'{"index":'}
                wait_for(lambda: len(running.of("held")) == 7, "the others")
                assert running.of("let-go") == []
        (tmp_path / "go").touch()
        wait_for(lambda: f"left-{HOSTS - 9}-disconnected" in str(running.events()), "the record of the rest")


def test_a_reader_who_stands_still_pauses_a_batch_through_the_proxy_too(tmp_path: Path) -> None:
    require_tool("nginx")
    with server(tmp_path, unix=True, hosts=HOSTS) as running, _nginx(running) as port:
        through = replace(running, address=["127.0.0.1", port])
        with through.tls() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            through.begin_batch(connection, HOSTS)
            wait_for(lambda: "left-" in str(running.events()), "the end of patience")

        assert len(running.of("begun")) < HOSTS


def test_an_oversize_body_ends_at_the_proxy(proxied: Running) -> None:
    raw = "POST /v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\nConnection: close\r\n\r\n"

    assert proxied.ask(raw.encode() + b"x" * 70_000).startswith(b"HTTP/1.1 413 ")


def test_tls_is_verified_and_not_below_1_2(proxied: Running) -> None:
    with proxied.tls() as connection:
        assert connection.version() in {"TLSv1.2", "TLSv1.3"}
    context = ssl.create_default_context()
    with proxied.connect() as connection, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_neither_log_holds_a_query_or_a_token(proxied: Running) -> None:
    token = proxied.token()
    proxied.call("GET", f"/v1/hosts?limit={CANARY}", Authorization=f"Bearer {token}")
    access = proxied.folder / "nginx-access.log"
    wait_for(lambda: '"GET /v1/hosts"' in access.read_text(), "nginx's line")

    logs = access.read_text() + (proxied.folder / "nginx-error.log").read_text() + proxied.log()
    assert CANARY not in logs
    assert token not in logs


def test_stalled_callers_take_none_of_the_brokers_threads(proxied: Running) -> None:
    with contextlib.ExitStack() as held:
        for part in (
            b"",
            b"GET /healthz HTTP/1.1\r\nX-",
            b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\ng",
        ):
            for _ in range(6):
                held.enter_context(proxied.tls()).sendall(part)
        started = time.monotonic()
        assert proxied.call("GET", "/healthz")[0] == 200
        assert time.monotonic() - started < 20, "nginx holds the stalled ones for 120 s"


def test_no_request_fails_behind_nginx_while_the_workers_are_replaced(tmp_path: Path) -> None:
    """Kept connections of nginx are closed with an answer, or while they are idle."""
    require_tool("nginx")
    with server(tmp_path, unix=True, workers=2) as running, _nginx(running) as port:
        running.await_all(2)
        over = threading.Event()
        apps = replace(running, address=["127.0.0.1", port])

        def ask(pause_s: float) -> list[int]:
            statuses = []
            while not over.wait(pause_s):
                statuses.append(apps.call("GET", "/healthz")[0])
            return statuses

        with ThreadPoolExecutor(6) as pool:
            asking = [pool.submit(ask, 0.05 * number) for number in range(6)]
            os.kill(running.pid, signal.SIGUSR2)
            wait_for(lambda: "every worker was replaced" in running.log(), "the end of it", 60)
            over.set()
            answers = [status for each in asking for status in each.result(20)]
    assert set(answers) == {200}


@pytest.mark.alone
def test_beside_500_stalled_connections_a_request_waits_half_a_second_at_most(proxied: Running) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(250):
            held.enter_context(proxied.connect()).sendall(b"\x16\x03\x01\x02\x00\x01")
            held.enter_context(proxied.tls()).sendall(b"GET /healthz HTTP/1.1\r\nX-")
        token = proxied.token()
        started = time.monotonic()
        assert proxied.call("GET", "/v1/hosts", Authorization=f"Bearer {token}")[0] == 200
        assert time.monotonic() - started <= 0.5
