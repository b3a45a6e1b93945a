"""The shipped nginx example with the real nginx in front of the real server."""

import contextlib
import os
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
from tests.support.nginx import EXAMPLE, nginx_before
from tests.support.tools import require_tool

CANARY = "canary-in-a-query"
HOSTS = 100


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server behind nginx, addressed as a client does."""
    require_tool("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with server(folder, unix=True) as running, nginx_before(running) as port:
        yield replace(running, address=["127.0.0.1", port])


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
        with nginx_before(running) as port:
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
    with server(tmp_path, unix=True, workers=2) as running, nginx_before(running) as port:
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
