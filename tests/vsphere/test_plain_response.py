"""Heads of answers as vCenter, or somebody in its place, may send them."""

import io
from http.client import BadStatusLine, HTTPException, LineTooLong, RemoteDisconnected
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broker.vsphere.plain_response import PackedAnswerError, PlainResponse


def answer(raw: bytes) -> PlainResponse:
    """What http.client does when it has sent a request."""
    socket = SimpleNamespace(makefile=lambda _mode: io.BytesIO(raw))
    response = PlainResponse(cast("Any", socket), method="POST")
    response.begin()
    return response


def test_an_answer_of_a_told_length_leaves_the_connection_open() -> None:
    told = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nhellonext")
    assert (told.status, told.reason, told.version, told.will_close) == (200, "OK", 11, False)
    assert told.getheader("set-cookie") == "a=b"
    assert told.read() == b"hello"


def test_an_answer_in_chunks_is_put_together() -> None:
    told = answer(b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert (told.status, told.will_close, told.read()) == (500, False, b"abcde")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n\r\nto the end",
        b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nto the end",
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 10\r\n\r\nto the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nto the end",
        b"HTTP/1.1 200\r\nContent-Length: ten\r\n\r\nto the end",
    ],
    ids=["no length", "HTTP/1.0", "closed by the server", "a length below none", "a length that is none"],
)
def test_what_else_there_is_ends_with_the_connection(raw: bytes) -> None:
    told = answer(raw)
    assert (told.will_close, told.read()) == (True, b"to the end")


def test_an_answer_without_content_has_none() -> None:
    assert answer(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello").read() == b""


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", RemoteDisconnected),
        (b"HTTP/2 200 OK\r\n\r\n", BadStatusLine),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", BadStatusLine),
        (b"HTTP/1.1 2000 OK\r\n\r\n", BadStatusLine),
        (b"<html>", BadStatusLine),
        (b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n", LineTooLong),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", LineTooLong),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", HTTPException),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", PackedAnswerError),
    ],
    ids=[
        "nothing",
        "another version",
        "an interim answer",
        "a status that is none",
        "no HTTP",
        "an endless status",
        "an endless header",
        "endless headers",
        "packed",
    ],
)
def test_a_head_that_is_none_is_refused(raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        answer(raw)


def test_no_error_repeats_what_came() -> None:
    with pytest.raises(BadStatusLine) as refused:
        answer(b"canary-of-a-head\r\n")
    assert "canary" not in str(refused.value)
