"""What arrives at a CIM endpoint byte by byte."""

import base64
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.lab_esx.conftest import Endpoint
from tests.support.sockets import far_end_sends_at_once


@contextmanager
def connected(endpoint: Endpoint) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=endpoint.ca)
    with (
        socket.create_connection((endpoint.host.address, endpoint.port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname=endpoint.host.name) as secured,
    ):
        yield secured


def basic(endpoint: Endpoint) -> bytes:
    ticket = endpoint.tickets.issue(endpoint.host.moid)
    return b"Authorization: Basic " + base64.b64encode(f"{ticket}:{ticket}".encode()) + b"\r\n"


def post(headers: bytes, body: bytes = b"", method: bytes = b"POST") -> bytes:
    return method + b" /cimom HTTP/1.1\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), headers, body)


def reply(connection: ssl.SSLSocket) -> bytes:
    """One read: a reply leaves in one send, so it arrives in one record."""
    return connection.recv(64 * 1024)


def envelope(inner: bytes, version: bytes = b"2.0", protocol: bytes = b"1.0") -> bytes:
    return (
        b'<?xml version="1.0"?><CIM CIMVERSION="%s" DTDVERSION="2.0">'
        b'<MESSAGE ID="7" PROTOCOLVERSION="%s">%s</MESSAGE></CIM>'
    ) % (version, protocol, inner)


CALL = (
    b'<SIMPLEREQ><IMETHODCALL NAME="%s"><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="cimv2"/>'
    b"</LOCALNAMESPACEPATH>%s</IMETHODCALL></SIMPLEREQ>"
)
CARD = b'<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="CIM_Card"/></IPARAMVALUE>'


def test_several_requests_share_a_connection_and_replies_come_in_one_piece_and_at_once(
    endpoint: Endpoint,
) -> None:
    request = post(basic(endpoint), envelope(CALL % (b"EnumerateInstanceNames", CARD)))
    with connected(endpoint) as connection:
        for _ in range(3):
            connection.sendall(request)
            answer = reply(connection)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"CIMOperation: MethodResponse\r\n" in answer
            assert b'<MESSAGE ID="7"' in answer
            assert answer.endswith(b"</CIM>")
        assert far_end_sends_at_once(connection)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Authorization: Bearer abc\r\n",
        b"Authorization: Basic\r\n",
        b"Authorization: Basic ###\r\n",
        b"Authorization: Basic YWJj\r\n",
        b"Authorization: Basic /////w==\r\n",
    ],
)
def test_anything_but_a_ticket_is_unauthorized_whatever_the_body_says(
    endpoint: Endpoint, header: bytes
) -> None:
    with connected(endpoint) as connection:
        connection.sendall(post(header, b"<not xml"))
        answer = reply(connection)
    assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b'WWW-Authenticate: Basic realm="cimom"\r\n' in answer


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", b"request-not-well-formed"),
        (b"<not xml", b"request-not-well-formed"),
        (b"<CIM/>", b"request-not-valid"),
        (envelope(CALL % (b"GetClass", CARD), version=b"9.0"), b"unsupported-cim-version"),
        (envelope(CALL % (b"GetClass", CARD), protocol=b"9.0"), b"unsupported-protocol-version"),
        (envelope(b"<SIMPLEREQ/>"), b"request-not-valid"),
        (envelope(b"<MULTIREQ/>"), b"multiple-requests-unsupported"),
        (envelope(b"<SIMPLERSP/>"), b"request-not-valid"),
    ],
)
def test_a_body_that_is_no_request_is_a_bad_request_with_the_reason(
    endpoint: Endpoint, body: bytes, code: bytes
) -> None:
    with connected(endpoint) as connection:
        connection.sendall(post(basic(endpoint), body))
        answer = reply(connection)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"CIMError: " + code + b"\r\n" in answer


@pytest.mark.parametrize(
    "call",
    [
        CALL % (b"EnumerateInstances", b""),
        CALL % (b"EnumerateInstances", b'<IPARAMVALUE NAME="Nonsense"><VALUE>x</VALUE></IPARAMVALUE>' + CARD),
        CALL % (b"GetInstance", CARD),
        CALL % (b"GetInstance", b'<IPARAMVALUE NAME="InstanceName"><VALUE>x</VALUE></IPARAMVALUE>'),
    ],
)
def test_parameters_that_do_not_fit_are_an_error_of_the_protocol(endpoint: Endpoint, call: bytes) -> None:
    with connected(endpoint) as connection:
        connection.sendall(post(basic(endpoint), envelope(call)))
        answer = reply(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'<ERROR CODE="4"' in answer


def test_an_unknown_method_is_not_supported(endpoint: Endpoint) -> None:
    with connected(endpoint) as connection:
        connection.sendall(post(basic(endpoint), envelope(CALL % (b"_mock", CARD))))
        assert b'<ERROR CODE="7"' in reply(connection)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 64 * 1024 + b"\r\n\r\n", b"431"),
    ],
)
def test_http_that_is_not_served_is_answered_and_closed(
    endpoint: Endpoint, head: bytes, status: bytes
) -> None:
    with connected(endpoint) as connection:
        connection.sendall(head)
        assert reply(connection).startswith(b"HTTP/1.1 " + status)
        assert reply(connection) == b""


def test_other_methods_are_not_allowed(endpoint: Endpoint) -> None:
    with connected(endpoint) as connection:
        connection.sendall(post(basic(endpoint), method=b"GET"))
        answer = reply(connection)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: POST, M-POST\r\n" in answer


def test_a_client_may_ask_whether_to_send_its_body(endpoint: Endpoint) -> None:
    body = envelope(CALL % (b"EnumerateInstanceNames", CARD))
    request = post(basic(endpoint) + b"Expect: 100-continue\r\nConnection: close\r\n", body)
    with connected(endpoint) as connection:
        connection.sendall(request.removesuffix(body))
        assert reply(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert reply(connection).startswith(b"HTTP/1.1 200 OK\r\n")
        assert reply(connection) == b""


def test_a_client_that_goes_away_in_the_middle_harms_nobody(endpoint: Endpoint) -> None:
    request = post(basic(endpoint), envelope(CALL % (b"EnumerateInstanceNames", CARD)))
    with connected(endpoint) as connection:
        connection.sendall(request[:-40])
    with socket.create_connection((endpoint.host.address, endpoint.port), timeout=5) as raw:
        raw.sendall(b"this is no TLS")
    with connected(endpoint) as connection:
        connection.sendall(request)
        assert reply(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def test_idle_connections_hold_up_nobody(endpoint: Endpoint) -> None:
    with ExitStack() as idle:
        for _ in range(60):
            idle.enter_context(connected(endpoint))
        silent = socket.create_connection((endpoint.host.address, endpoint.port), timeout=5)
        idle.enter_context(silent)
        with connected(endpoint) as connection:
            connection.sendall(post(basic(endpoint), envelope(CALL % (b"EnumerateInstanceNames", CARD))))
            assert reply(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def test_no_ticket_reaches_a_log_or_an_answer(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ticket = endpoint.tickets.issue(endpoint.host.moid)
    header = b"Authorization: Basic " + base64.b64encode(f"{ticket}:{ticket}".encode()) + b"\r\n"
    answers = b""
    for body in (
        envelope(CALL % (b"EnumerateInstances", CARD)),
        b"<not xml",
        envelope(CALL % (b"Nonsense", b"")),
    ):
        with connected(endpoint) as connection:
            connection.sendall(post(header, body))
            answers += reply(connection)
    endpoint.clock.advance(121)
    with connected(endpoint) as connection:
        connection.sendall(post(header))
        answers += reply(connection)
    assert answers.count(b"HTTP/1.1") == 4
    assert ticket not in caplog.text
    assert ticket.encode() not in answers
