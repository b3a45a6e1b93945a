"""Several workers as real processes: they are replaced when they die, and when an operator says so."""

import http.client
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from broker.model.settings import UnixListener
from broker.server.application import BrokerServer
from broker.server.arbiter import BrokerArbiter, Farewell
from broker.server.crew import Wire
from broker.server.life import Served
from tests.support.http_fakes import settings_for
from tests.support.http_server import Running, server, wait_for

SHORT = Farewell(requests_s=5, close_s=5)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server(tmp_path_factory.mktemp("three"), workers=3) as running:
        running.await_all(3)
        yield running


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Running]:
    with server(tmp_path, workers=2, farewell=SHORT) as running:
        running.await_all(2)
        yield running


def kill(process: int, number: int = signal.SIGTERM) -> None:
    os.kill(process, number)


def replaced(running: Running, old: int, size: int) -> bool:
    return old not in running.workers() and len(running.workers()) == size


def serves(running: Running) -> bool:
    return running.call("GET", "/healthz")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT, signal.SIGABRT])
def test_a_worker_that_ends_is_replaced_while_the_others_serve(three: Running, number: int) -> None:
    first, *others = three.workers()
    kill(first, number)
    while not replaced(three, first, 3):
        assert serves(three)
    assert set(others) < set(three.workers())
    assert serves(three)


def test_an_interrupt_of_the_terminal_is_the_arbiters_business(three: Running) -> None:
    before = three.workers()
    for worker in before:
        kill(worker, signal.SIGINT)
    assert serves(three)
    assert three.workers() == before


def test_a_worker_that_is_told_to_end_finishes_what_it_does(tmp_path: Path) -> None:
    with server(tmp_path, workers=2, holds=True) as running, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(running.ticket)
        wait_for(lambda: running.of("held"), "the request to run")
        (busy,) = running.of("held")
        kill(busy)
        (tmp_path / "go").touch()
        assert waiting.result(timeout=20)[0] == 200
        wait_for(lambda: replaced(running, busy, 2), "the replacement")
        assert running.of("close") == [busy]


def test_connections_that_broke_off_do_not_shorten_the_wait_for_the_last_request(tmp_path: Path) -> None:
    with server(tmp_path, holds=True) as running, ThreadPoolExecutor(1) as pool:
        running.await_all(1)
        for begun in (b"", b"\x16\x03", b"GET / HTTP/1.1\r\n"):
            with running.connect() as broken_off:
                broken_off.sendall(begun)
        client = running.http()
        waiting = pool.submit(running.ticket)
        wait_for(lambda: running.of("held"), "the request to run")
        kill(*running.workers())
        ask_until_told_to_close(client)
        (tmp_path / "go").touch()
        assert waiting.result(timeout=20)[0] == 200
        wait_for(lambda: running.of("close"), "the rooms to close")
    steps = [event.partition(":")[0] for event in running.events()]
    assert steps[:5] == ["build", "held", "let-go", "closing", "close"]


def test_workers_that_cannot_start_at_all_end_everything_and_say_why(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with server(tmp_path, workers=2) as running:
        wait_for(lambda: "Shutting down" in running.log(), "the end")
    assert "this worker cannot start: log_unavailable: as the test says" in running.log()
    assert "no worker could start" in running.log()
    assert "Traceback" not in running.log()


def test_a_replacement_that_cannot_start_is_tried_again_until_it_can(two: Running) -> None:
    (two.folder / "broken").touch()
    first, second = two.workers()
    kill(first, signal.SIGKILL)
    wait_for(lambda: "the next is started in 2 s" in two.log(), "two failures", 30)
    assert second in two.workers()
    assert serves(two)
    (two.folder / "broken").unlink()
    wait_for(lambda: len(two.workers()) == 2, "the replacement", 30)
    assert serves(two)


def test_workers_that_are_there_serve_on_while_no_further_can_be_made(two: Running) -> None:
    """gunicorn gives each a temporary file before it forks; a fork can fail likewise."""
    first, second = two.workers()
    (two.folder / "tmp").rename(two.folder / "gone")
    kill(first, signal.SIGKILL)
    wait_for(lambda: "no further process: ENOENT" in two.log(), "the failure")
    assert serves(two)
    (two.folder / "gone").rename(two.folder / "tmp")
    wait_for(lambda: len(two.workers()) == 2, "the replacement", 30)
    assert second in two.workers()


def test_sigusr2_replaces_the_workers_one_after_the_other(three: Running) -> None:
    old = three.workers()
    start = len(three.events())
    kill(three.pid, signal.SIGUSR2)
    wait_for(lambda: "every worker was replaced" in three.log(), "the end of it", 60)
    new = three.workers()
    assert not set(old) & set(new)
    steps = [f"{e}:{p}" for ended, begun in zip(old, new, strict=True) for e, p in turn(ended, begun)]
    assert three.events()[start:] == steps
    assert serves(three)


def turn(ended: int, begun: int) -> list[tuple[str, int]]:
    return [("closing", ended), ("close", ended), ("build", begun)]


def test_the_next_worker_does_not_end_before_a_new_one_can_issue(two: Running) -> None:
    unready = two.folder / "unready"
    unready.touch()
    first, second = two.workers()
    kill(two.pid, signal.SIGUSR2)
    wait_for(lambda: len(two.of("build")) == 3, "the new worker")
    kill(two.pid, signal.SIGUSR2)
    wait_for(lambda: "no other is begun" in two.log(), "the second call")
    assert second in two.workers()
    assert two.of("closing") == [first]
    unready.unlink()
    wait_for(lambda: "every worker was replaced" in two.log(), "the end of it", 30)
    assert not {first, second} & set(two.workers())


def test_a_rolling_restart_ends_where_a_new_worker_cannot_start(two: Running) -> None:
    (two.folder / "broken").touch()
    first, second = two.workers()
    kill(two.pid, signal.SIGUSR2)
    wait_for(lambda: "rolling restart: stopped after 1 of 2" in two.log(), "the halt", 30)
    assert serves(two)
    kill(two.pid, signal.SIGUSR2)
    wait_for(lambda: "no rolling restart while workers are missing" in two.log(), "the second call")
    (two.folder / "broken").unlink()
    wait_for(lambda: len(two.workers()) == 2, "the replacement", 30)
    assert second in two.workers()
    assert two.of("closing") == [first]


def test_who_connects_to_a_lone_worker_waits_for_its_replacement(tmp_path: Path) -> None:
    with server(tmp_path, farewell=SHORT) as running:
        running.await_all(1)
        (old,) = running.workers()
        kill(running.pid, signal.SIGUSR2)
        wait_for(lambda: "rolling restart: worker" in running.log(), "the beginning")
        while not replaced(running, old, 1):
            assert serves(running)
        assert serves(running)


def test_a_kept_connection_is_told_to_close_when_its_worker_leaves(two: Running) -> None:
    """gunicorn lingers for two seconds, so that no request meets a connection closed under it."""
    client = two.http()
    assert ask(client) == "keep-alive"
    kill(two.pid, signal.SIGUSR2)
    ask_until_told_to_close(client)


def ask_until_told_to_close(client: http.client.HTTPConnection) -> None:
    while ask(client) != "close":
        pass
    client.close()


def ask(client: http.client.HTTPConnection) -> str | None:
    """One request on a connection that must be as good as new; what is said about the connection."""
    client.request("GET", "/healthz")
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
    return answer.headers["Connection"]


def test_nobody_new_is_let_in_while_the_last_requests_end(tmp_path: Path) -> None:
    with server(tmp_path, workers=2, holds=True) as running, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(running.ticket)
        wait_for(lambda: running.of("held"), "the request to run")
        kill(running.pid)
        wait_for(lambda: refused(running.connect), "the listener to be let go")
        (tmp_path / "go").touch()
        assert waiting.result(timeout=20)[0] == 200


def refused(connect: Callable[[], socket.socket]) -> bool:
    try:
        connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_workers_whose_arbiter_is_killed_end_in_good_order(tmp_path: Path) -> None:
    with server(tmp_path, workers=2, holds=True) as running, ThreadPoolExecutor(1) as pool:
        running.await_all(2)
        workers = running.workers()
        waiting = pool.submit(running.ticket)
        wait_for(lambda: running.of("held"), "the request to run")
        kill(running.pid, signal.SIGKILL)
        wait_for(lambda: refused(running.connect), "the listener to be let go")
        (tmp_path / "go").touch()
        assert waiting.result(timeout=20)[0] == 200
        wait_for(lambda: sorted(running.of("close")) == sorted(workers), "the rooms to close")
        wait_for(lambda: not any(map(alive, workers)), "the workers to end")


def alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


@pytest.mark.soak  # the time after which a worker counts as stuck
def test_a_worker_that_hangs_is_killed_and_replaced(tmp_path: Path) -> None:
    with server(tmp_path, workers=2, farewell=Farewell(requests_s=1, close_s=1)) as running:
        running.await_all(2)
        first, second = running.workers()
        kill(first, signal.SIGSTOP)
        wait_for(lambda: replaced(running, first, 2), "the replacement", 40)
        assert second in running.workers()
        assert "WORKER TIMEOUT" in running.log()
        assert serves(running)


def test_a_worker_told_to_end_before_it_can_listen_to_signals_ends(tmp_path: Path) -> None:
    app = BrokerServer(settings_for(UnixListener(tmp_path / "broker.sock")), Served, lambda: None)  # type: ignore[arg-type]
    arbiter = BrokerArbiter(app, Wire(), lambda: None, SHORT)
    arbiter.pid = os.getppid()  # as it is right after the fork
    arbiter.signal(signal.SIGHUP, None)
    with pytest.raises(SystemExit):
        arbiter.signal(signal.SIGTERM, None)
