"""A batch on real sockets: each line leaves at once, and who does not read, or goes, ends it."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.batch import AHEAD
from tests.support.http_server import Running, read_all, server, wait_for

HOSTS = 100
PASSED = 2
UNDER_WAY = 7
"""With four at a time at vCenter."""
LINE = re.compile(rb'^\{"index".*\}$', re.MULTILINE)
UNIX = pytest.mark.parametrize("unix", [False, True], ids=["tls", "unix"])


@pytest.fixture
def running(tmp_path: Path, unix: bool) -> Iterator[Running]:  # noqa: FBT001 - a parameter of the tests
    """Writes have 1.5 s."""
    with server(tmp_path, unix=unix, hosts=HOSTS) as found:
        yield found


def connection_of(running: Running) -> socket.socket:
    return running.connect() if isinstance(running.address, str) else running.tls()


def answer_on(connection: socket.socket) -> http.client.HTTPResponse:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    assert answer.status == 200
    return answer


def left(running: Running) -> list[str]:
    """What batches left behind."""
    return [event.partition(":")[0] for event in running.events() if event.startswith("left-")]


@UNIX
def test_a_line_is_there_while_others_are_under_way(tmp_path: Path, unix: bool) -> None:  # noqa: FBT001
    with server(tmp_path, unix=unix, hosts=HOSTS, holds=True, passes=PASSED) as running:
        with connection_of(running) as connection:
            running.begin_batch(connection, HOSTS)
            answer = answer_on(connection)
            first, second = (json.loads(answer.readline()) for _ in range(PASSED))
            wait_for(lambda: len(running.of("held")) == UNDER_WAY, "the others")
            assert running.of("let-go") == []
            (tmp_path / "go").touch()
            rest = [json.loads(line) for line in answer]

        assert {line["index"] for line in (first, second, *rest[:-1])} == set(range(HOSTS))
        assert rest[-1]["summary"]["issued"] == HOSTS
        assert left(running) == []


@pytest.mark.parametrize("unix", [True], ids=["unix"])
def test_no_host_is_begun_for_a_reader_who_stands_still(running: Running) -> None:
    with connection_of(running) as connection:
        running.begin_batch(connection, HOSTS)
        wait_for(lambda: left(running), "the end of patience")
        begun = len(running.of("begun"))
        sent = len(LINE.findall(read_all(connection)))

    assert left(running) == [f"left-{HOSTS - begun}-disconnected"]
    assert begun <= sent + AHEAD + 1, "one line more may have been sent in part"
    assert begun < HOSTS // 2


@pytest.mark.parametrize("unix", [False], ids=["tls"])
def test_a_reader_who_stands_still_is_given_up_on_tls_too(running: Running) -> None:
    with connection_of(running) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        running.begin_batch(connection, HOSTS)
        wait_for(lambda: left(running), "the end of patience")

    assert left(running) == [f"left-{HOSTS - len(running.of('begun'))}-disconnected"]
    assert running.call("GET", "/healthz")[0] == 200


@UNIX
def test_a_reader_who_goes_ends_it_at_once(tmp_path: Path, unix: bool) -> None:  # noqa: FBT001
    with server(tmp_path, unix=unix, hosts=HOSTS, holds=True, passes=PASSED) as running:
        with connection_of(running) as connection:
            running.begin_batch(connection, HOSTS)
            answer_on(connection).readline()
            wait_for(lambda: len(running.of("held")) == UNDER_WAY, "the hosts under way")
        (tmp_path / "go").touch()
        wait_for(lambda: left(running), "the record of the rest")

        assert len(running.of("begun")) == PASSED + UNDER_WAY
        assert left(running) == [f"left-{HOSTS - PASSED - UNDER_WAY}-disconnected"]
        assert running.call("GET", "/healthz")[0] == 200
