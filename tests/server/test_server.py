"""gunicorn as it is shipped: real processes, real TLS, real Unix sockets."""

import json
import os
import signal
import socket
import ssl
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.model.settings import TlsListener
from broker.server.application import BrokerServer
from broker.server.arbiter import Farewell
from broker.server.life import Served
from tests.support.authority import Authority
from tests.support.http_fakes import settings_for
from tests.support.http_server import Running, server, wait_for
from tests.support.issuing import TICKET

CANARY = "canary-in-a-broken-header"
LINE = {
    *("timestamp", "level", "logger", "event", "pid"),
    *("address", "method", "route", "status", "bytes", "ms", "issuance"),
}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.fixture(scope="module")
def unix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("unix")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(folder / "broker.sock"))
    with server(folder, unix=True) as running:
        yield running


def test_a_ticket_comes_over_tls(tls: Running) -> None:
    status, text = tls.ticket()

    assert status == 200
    assert json.loads(text)["session_id"] == TICKET


def test_a_ticket_comes_over_the_unix_socket_though_an_old_one_was_left_behind(unix: Running) -> None:
    assert unix.ticket()[0] == 200


def test_the_unix_socket_is_for_the_user_and_the_group_only(unix: Running) -> None:
    assert stat.S_IMODE(Path(unix.address).stat().st_mode) == 0o660


def test_plain_http_on_the_tls_port_gets_nothing(tls: Running) -> None:
    assert tls.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", tls.connect()) == b""


def test_tls_below_1_2_is_refused(tls: Running) -> None:
    context = ssl.create_default_context(cafile=str(tls.anchor))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with tls.connect() as connection, pytest.raises((ssl.SSLError, ConnectionResetError)):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_only_the_last_hop_is_believed_on_the_unix_socket(unix: Running) -> None:
    line = unix.logged(
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.1\r\nX_Forwarded_For: 10.9.9.9\r\n"
        b"X-Forwarded-For: 10.0.0.2, 203.0.113.7\r\nConnection: close\r\n\r\n"
    )

    assert line["address"] == "203.0.113.7"


def test_an_underscore_is_no_hyphen(unix: Running) -> None:
    line = unix.logged(b"GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 10.9.9.9\r\nConnection: close\r\n\r\n")

    assert line["address"] == "unknown"


@pytest.mark.parametrize(
    "name", ["SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "HTTP_AUTHORIZATION", "wsgi.url_scheme"]
)
def test_no_header_writes_into_the_environment(unix: Running, name: str) -> None:
    answer = unix.ask(
        f"GET /v1/hosts HTTP/1.1\r\nHost: x\r\n{name}: /healthz\r\nConnection: close\r\n\r\n".encode()
    )

    assert answer.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {CANARY}\r\n\r\n", 400),
        (f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CANARY}\x00\r\n\r\n", 400),
        (f"GET /healthz?{CANARY} HTTP/9.9 nonsense\r\nHost: x\r\n\r\n", 400),
        (f"GET /{CANARY * 300} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n" + f"X: {CANARY}\r\n" * 60 + "\r\n", 431),
        (f"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: {CANARY}\r\n\r\n", 417),
    ],
)
def test_what_is_no_http_is_neither_repeated_nor_logged(tls: Running, raw: str, status: int) -> None:
    answer = tls.ask(raw.encode())

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["id"] in tls.log()
    assert CANARY.encode() not in answer
    assert CANARY not in tls.log()


def test_an_access_log_line_names_the_route_and_holds_nothing_that_the_client_wrote(tls: Running) -> None:
    rest = f"Host: x\r\nAuthorization: Bearer {CANARY}\r\nConnection: close\r\n\r\n"

    known = tls.logged(f"GET /v1/issuances/{CANARY}?limit={CANARY} HTTP/1.1\r\n{rest}".encode())
    unknown = tls.logged(f"GET /v1/hosts%0aFORGED%20line?limit={CANARY} HTTP/1.1\r\n{rest}".encode())

    assert known.keys() == unknown.keys() == LINE | {"reason"}
    assert (known["reason"], unknown["reason"]) == ("unauthenticated", "not_found")
    assert (known["method"], known["route"], known["status"]) == ("GET", "/v1/issuances/<issuance>", 401)
    assert (unknown["method"], unknown["route"], unknown["status"]) == ("GET", "-", 404)
    assert CANARY not in tls.log()


def test_an_access_log_line_carries_the_id_of_the_answer(tls: Running) -> None:
    start = len(tls.log())
    answer = tls.ask(b"GET /v1/hosts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer_id = json.loads(answer.partition(b"\r\n\r\n")[2])["id"]

    wait_for(lambda: answer_id in tls.log()[start:], "the request's line")
    (line,) = [json.loads(line) for line in tls.log()[start:].splitlines() if answer_id in line]
    assert (line["logger"], line["issuance"], line["status"]) == ("broker.access", answer_id, 401)


def test_a_method_that_is_none_is_not_repeated(tls: Running) -> None:
    line = tls.logged(b"CANARY /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert (line["method"], line["status"]) == ("-", 405)
    assert "CANARY" not in tls.log()


def test_a_body_without_announced_length_is_bounded_too(tls: Running) -> None:
    head = (
        f"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tls.token()}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"

    answer = tls.ask(head.encode() + chunk * 3 + b"0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("chunk", ["0x1e", "-1", "1_e", "zz", "1e;a\nb", ""])
def test_a_body_in_chunks_that_are_none_is_malformed(tls: Running, chunk: str) -> None:
    head = (
        f"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tls.token()}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    answer = tls.ask(f'{head}{chunk}\r\n{{"host": "esx01.example.com"}}\r\n0\r\n\r\n'.encode())

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"malformed"' in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_form_of_unknown_length_is_refused(tls: Running) -> None:
    head = (
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )

    answer = tls.ask(head.encode() + b"1d\r\ngrant_type=client_credentials\r\n0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"invalid_request" in answer


@pytest.mark.parametrize(
    "target",
    ["//healthz", "/%68ealthz", "/v1%2fhosts", "//v1/hosts", "/healthz#x", "/healthz%00", "/healthz/"],
)
@pytest.mark.parametrize("where", ["tls", "unix"])
def test_a_path_has_one_spelling(request: pytest.FixtureRequest, where: str, target: str) -> None:
    running: Running = request.getfixturevalue(where)

    line = running.logged(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    assert (line["route"], line["status"]) == ("-", 404)


@pytest.mark.parametrize("target", ["/healthz", "/healthz?x=%20//", "https://broker.example.com/healthz"])
def test_a_target_may_hold_a_query_or_a_whole_address(tls: Running, target: str) -> None:
    answer = tls.ask(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_connection_serves_one_request_after_the_other(tls: Running) -> None:
    client = tls.http()
    for _ in range(3):
        client.request("GET", "/healthz")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
    client.close()


def test_a_worker_survives_what_ends_a_connection_early(tls: Running) -> None:
    for raw in (b"", b"GET", b"POST /v1/tickets HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"):
        connection = tls.tls()
        connection.sendall(raw)
        connection.close()

    assert tls.call("GET", "/healthz")[0] == 200
    assert len({event for event in tls.events() if event.startswith("build")}) == 1


def test_sighup_reads_the_policy_anew_and_restarts_nothing(tls: Running) -> None:
    tls.call("GET", "/healthz")
    before = tls.events()
    for _ in range(2):
        count = len(tls.events())
        os.kill(tls.pid, signal.SIGHUP)
        wait_for(lambda count=count: len(tls.events()) > count, "the hangup")
    assert tls.call("GET", "/healthz")[0] == 200

    assert tls.events() == [*before, f"hangup:{tls.pid}", f"hangup:{tls.pid}"]


def test_a_reload_that_fails_leaves_the_service_running(tmp_path: Path) -> None:
    with server(tmp_path, fails=True) as running:
        os.kill(running.pid, signal.SIGHUP)
        wait_for(lambda: f"hangup:{running.pid}" in running.events(), "the hangup")

        assert running.call("GET", "/healthz")[0] == 200
        assert "as the test says" not in running.log()

        os.kill(running.pid, signal.SIGINT)
        wait_for(lambda: running.events()[-1].startswith("close"), "the rooms to close at SIGINT")


def test_no_signal_makes_more_workers_than_there_are_to_be(tls: Running) -> None:
    tls.call("GET", "/healthz")
    before = len(tls.events())
    for number in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGHUP):
        os.kill(tls.pid, number)
    wait_for(lambda: len(tls.events()) > before, "the last of the signals")

    assert tls.call("GET", "/healthz")[0] == 200
    assert len([event for event in tls.events() if event.startswith("build")]) == 1
    assert len(tls.workers()) == 1


def test_rooms_are_built_in_the_worker_and_closed_after_the_last_request(tmp_path: Path) -> None:
    with server(tmp_path, holds=True) as running, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(running.ticket)
        wait_for(lambda: any(e.startswith("held") for e in running.events()), "the request to run")
        os.kill(running.pid, signal.SIGTERM)
        wait_for(lambda: "Handling signal: term" in running.log(), "the signal to arrive")
        (tmp_path / "go").touch()

        assert waiting.result(timeout=20)[0] == 200
        wait_for(lambda: any(e.startswith("close") for e in running.events()), "the rooms to close")
    worker = running.events()[0].partition(":")[2]
    assert worker != str(running.pid)
    steps = ("build", "held", "let-go", "closing", "close")
    assert running.events() == [f"{event}:{worker}" for event in steps]


def test_a_request_that_outlasts_its_grace_leaves_the_rooms_their_time_to_close(tmp_path: Path) -> None:
    """The worker waits a second for the request, then closes for longer than that second."""
    short = Farewell(requests_s=1, close_s=20)
    with (
        server(tmp_path, holds=True, close_takes_s=2.5, farewell=short) as running,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(running.ticket)
        wait_for(lambda: any(e.startswith("held") for e in running.events()), "the request to run")
        os.kill(running.pid, signal.SIGTERM)
        wait_for(lambda: any(e.startswith("close:") for e in running.events()), "the rooms to close")
        (tmp_path / "go").touch()

    assert "SIGKILL" not in running.log()


def test_rooms_that_never_close_are_killed_in_the_end(tmp_path: Path) -> None:
    with server(tmp_path, close_takes_s=60, farewell=Farewell(requests_s=1, close_s=1)) as running:
        running.await_all(1)
        os.kill(running.pid, signal.SIGTERM)
        wait_for(lambda: _ended(running.pid), "the end")

    assert [event.partition(":")[0] for event in running.events()] == ["build", "closing"]


def test_a_certificate_that_cannot_be_read_keeps_the_server_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = TlsListener("::1", 0, tmp_path / "no.pem", tmp_path / "no.key")

    with pytest.raises(SystemExit) as ended:
        BrokerServer(settings_for(listener), Served, lambda: None)  # type: ignore[arg-type]

    assert ended.value.code == 1
    assert "No such file" in capsys.readouterr().err


def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        first = running.leaf()
        (tmp_path / "broker.pem").write_text("half a certificate")
        assert running.leaf() == first

        Authority(tmp_path, "Next authority").server("broker")

        assert running.leaf() not in (first, None)


def _ended(pid: int) -> bool:
    """A process that its parent has not waited for yet is a zombie."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
