"""One message that could be taken for two, and headers that only a proxy may send: bare, and behind nginx.

What is smuggled asks for what nobody else here asks for, so its route in the broker's log, or its words
in an answer, would tell of it.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.http_server import Running, server
from tests.support.nginx import nginx_before

SMUGGLED = b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
TWO_LENGTHS = (
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 0\r\nContent-Length: 36",
    "Content-Length: 36\r\nContent-Length: 0",
    "Content-Length: 0, 36",
    "Content-Length: +36",
    "Content-Length: 0x24",
    "Content-Length: -1",
    "Content-Length: 3 6",
    "Content-Length : 36",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:\x0bchunked",
    "X: y\r\n Transfer-Encoding: chunked",
)
SPOOFED = (
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.8",
    "X-Forwarded-For:",
    "X_Forwarded_For: 203.0.113.9",
    "x-forwarded-for:203.0.113.9",
    "Forwarded: for=203.0.113.9",
    "X-Real-IP: 203.0.113.9",
    "X-Client-Cert: x\r\nX_Client_Cert: x\r\nClient-Cert: :eA==:",
    "Connection: X-Forwarded-For, Authorization",
)
CLIENT = "127.0.0.1"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """As it comes."""
    with server(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.fixture(scope="module")
def unix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The socket that a proxy talks to."""
    with server(tmp_path_factory.mktemp("unix"), unix=True) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(unix: Running) -> Iterator[Running]:
    """Behind nginx with the shipped file."""
    with nginx_before(unix) as port:
        yield replace(unix, address=[CLIENT, port])


@pytest.fixture(params=["tls", "unix", "nginx"])
def where(request: pytest.FixtureRequest) -> Running:
    found: Running = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["tls", "nginx"])
def outside(request: pytest.FixtureRequest) -> Running:
    """Where strangers talk to it."""
    found: Running = request.getfixturevalue(request.param)
    return found


def nothing_was_smuggled(running: Running, answer: bytes) -> bool:
    return b'"degraded"' not in answer and "/readyz" not in running.log()


@pytest.mark.parametrize("head", TWO_LENGTHS)
def test_a_message_of_two_lengths_is_no_request(where: Running, head: str) -> None:
    raw = f"POST /v1/tickets HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n0\r\n\r\n".encode()
    answer = where.ask(raw + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert nothing_was_smuggled(where, answer)


@pytest.mark.parametrize("listener", ["tls", "unix"])
def test_a_line_feed_alone_ends_no_header(request: pytest.FixtureRequest, listener: str) -> None:
    """To nginx it does, which then says all of it anew in one way."""
    running: Running = request.getfixturevalue(listener)
    raw = b"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = running.ask(raw + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ")


STARTS = ["GET /healthz", "POST /v1/tickets", "POST /oauth2/token", "DELETE /nowhere"]
AS_ONE = f"Content-Length: {len(SMUGGLED)}\r\n\r\n".encode() + SMUGGLED
IN_CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rest", [AS_ONE, IN_CHUNKS], ids=["as one", "in chunks"])
def test_a_body_that_nobody_reads_is_no_request_either(where: Running, start: str, rest: bytes) -> None:
    answer = where.ask(f"{start} HTTP/1.1\r\nHost: x\r\n".encode() + rest + LAST)
    assert answer.count(b"HTTP/1.1 ") in (1, 2)
    assert nothing_was_smuggled(where, answer)


def test_what_one_client_left_unread_reaches_no_other_through_nginx(nginx: Running) -> None:
    """nginx keeps its connections to the broker and puts many clients' requests on them."""
    for _ in range(20):
        nginx.ask(b"POST /v1/tickets HTTP/1.1\r\nHost: x\r\n" + AS_ONE + LAST)
        assert json.loads(nginx.call("GET", "/healthz")[1]) == {"status": "ok"}
    assert "/readyz" not in nginx.log()


@pytest.mark.parametrize("spoofed", SPOOFED)
def test_no_header_of_a_stranger_moves_its_address(outside: Running, spoofed: str) -> None:
    line = outside.logged(f"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{spoofed}\r\n\r\n".encode())
    assert line["address"] == CLIENT


def test_no_header_behind_the_body_moves_an_address(unix: Running) -> None:
    line = unix.logged(
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.7\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    )
    assert line["address"] == "198.51.100.7"


@pytest.mark.parametrize("identity", ["Authorization:", "Authorization: Bearer ", "X-Client-Cert: x", ""])
def test_an_identity_that_is_missing_is_unauthenticated(outside: Running, identity: str) -> None:
    line = f"{identity}\r\n" if identity else ""
    answer = outside.ask(f"GET /v1/hosts HTTP/1.1\r\nHost: x\r\n{line}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 401 ")
