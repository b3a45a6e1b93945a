"""Requests that arrive piece by piece: each is answered once it is whole, and holds no thread before."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.server.arriving import MOST_BYTES, is_whole
from broker.server.sockets import Deadlines
from tests.support.http_server import Running, read_all, server

HEAD = b"POST /v1/tickets HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module", params=["tls", "unix"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    unix = request.param == "unix"
    folder = tmp_path_factory.mktemp(request.param)
    with server(folder, unix=unix, threads=1, deadlines=Deadlines()) as found:
        yield found


@pytest.mark.parametrize(
    ("came", "whole"),
    [
        (b"", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (HEAD + b"Content-Length: 2\r\n\r\n{", False),
        (HEAD + b"Content-Length: 2\r\n\r\n{}", True),
        (HEAD + b"content-length:2\r\n\r\n{", False),
        (HEAD + b"Content-Length: 70000\r\n\r\n{", True),
        (HEAD + b"Content-Length: -1\r\n\r\n", True),
        (HEAD + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n", True),
        (HEAD + b"Content-Length: 9\r\nTransfer-Encoding : chunked\r\n\r\n", True),
        (HEAD + b"X: \r\n\r\nContent-Length: 9\r\n\r\n", True),
        (b"x" * MOST_BYTES, True),
    ],
)
def test_what_is_whole_is_told_from_the_bytes(came: bytes, whole: bool) -> None:  # noqa: FBT001 - the expected
    assert is_whole(came) == whole


def pieces_of(request: bytes, size: int) -> list[bytes]:
    return [request[start : start + size] for start in range(0, len(request), size)]


def ticket_request(running: Running, *headers: str) -> bytes:
    body = json.dumps({"host": "esx01.example.com"})
    head = [
        "POST /v1/tickets HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {running.token()}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


@contextlib.contextmanager
def many_half_requests(running: Running) -> Iterator[None]:
    """More than there are threads."""
    with contextlib.ExitStack() as held:
        for part in (HEAD, HEAD + b"Content-Length: 9\r\n\r\n{") * 4:
            held.enter_context(channel_to(running)).sendall(part)
        yield


def channel_to(running: Running) -> socket.socket:
    return running.connect() if isinstance(running.address, str) else running.tls()


def test_a_request_in_pieces_is_answered_beside_many_that_never_end(running: Running) -> None:
    request = ticket_request(running, "Connection: close")
    with many_half_requests(running), channel_to(running) as connection:
        for piece in pieces_of(request, 100):
            connection.sendall(piece)
            assert running.call("GET", "/healthz")[0] == 200, "nobody waits for the rest"
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_requests_that_come_together_are_answered_in_turn(running: Running) -> None:
    request = ticket_request(running)
    answer = running.ask(request + request + ticket_request(running, "Connection: close"))
    assert answer.count(b"HTTP/1.1 200 ") == 3


@pytest.mark.parametrize("running", ["unix"], indirect=True)
def test_a_client_that_ends_its_side_after_the_request_is_answered(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(ticket_request(running))
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_announced_first_is_asked_for(running: Running) -> None:
    head, _, body = ticket_request(running, "Connection: close", "Expect: 100-continue").partition(
        b"\r\n\r\n"
    )
    with channel_to(running) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_half_requests_do_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    without_end = Deadlines(600.0, 600.0, 600.0)
    with (
        server(tmp_path, deadlines=without_end) as running,
        many_half_requests(running),
        running.tls() as connection,
    ):
        connection.sendall(HEAD)
        os.kill(running.pid, signal.SIGTERM)
        assert read_all(connection) == b""
