"""Workers are replaced again and again while apps ask for tickets without a pause."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.invariants import check_log
from tests.support.load import Repeated, asking_everywhere
from tests.support.redis_server import RedisServer
from tests.support.stack import HOST, Stack, until, workers_of
from tests.support.working import ready_workers, serving

WORKERS = 3
ROLLS = 8

pytestmark = pytest.mark.soak


@pytest.mark.timeout(900)
def test_no_request_fails_and_the_main_process_stays_as_it_was(fresh: Stack, tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis:
        workers = serving(fresh, WORKERS, redis)
        with (
            fresh.client() as client,
            asking_everywhere(fresh, connections=16) as load,
            Repeated(lambda: client.ticket(HOST)) as kept,
        ):
            roll(fresh, workers.process, 1)
            before = open_files(workers.process)
            for number in range(2, ROLLS + 1):
                roll(fresh, workers.process, number)
                end_one(fresh, workers.process)
            counted = load.stop()
    assert (counted.statuses, counted.broken) == ([], 0)
    assert counted.issued > 100 * ROLLS
    assert kept.failures == []
    assert open_files(workers.process) == before
    assert workers.sessions() == WORKERS
    check_log(fresh.records())


def roll(stack: Stack, process: "subprocess.Popen[bytes]", number: int) -> None:
    process.send_signal(signal.SIGUSR2)
    log = stack.site.root / "serve.log"
    until(lambda: log.read_text().count("every worker was replaced") == number, "the end of it", 90)


def end_one(stack: Stack, process: "subprocess.Popen[bytes]") -> None:
    """As an operator would who thinks that one of them misbehaves."""
    ready = ready_workers(stack)
    os.kill(workers_of(process)[0], signal.SIGTERM)
    until(lambda: ready_workers(stack) > ready, "the replacement", 60)


def open_files(process: "subprocess.Popen[bytes]") -> int:
    return sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir())
