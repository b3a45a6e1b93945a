"""What is bounded in sum stays so with several workers, and while they cannot talk to each other."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.demo.files import APP
from tests.support.invariants import attempts, check_ended
from tests.support.lines import Line, at_once
from tests.support.redis_server import RedisServer
from tests.support.stack import HOST, OUTSIDE, ROOT, Stack, end, kill_all, until
from tests.support.working import Workers, serving

WORKERS = 3
MINT = "AcquireCimServicesTicket"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as running:
        yield running


def test_refusals_are_recorded_one_by_one_up_to_a_bound_in_sum(fresh: Stack, redis: RedisServer) -> None:
    budget = {"count": 10, "seconds": 600}
    fresh.edit("server.yaml", lambda server: server.update(recorded_refusals=budget))
    workers = serving(fresh, WORKERS, redis)
    token = fresh.access_token()
    with workers.each() as lines:
        told = at_once(lines, lambda line: [refusal(line, token) for _ in range(20)])
    assert [Counter(codes) for codes in told] == [{"not_granted": 3, "too_many_refusals": 17}] * WORKERS
    assert end(workers.process) == 0
    records = fresh.records()
    singly = [r for r in records if r["event"] == "request_refused"]
    summed = [r["fields"]["count"] for r in records if r["event"] == "refusals_aggregated"]
    assert len(singly) == 9 <= budget["count"]
    assert summed == [17] * WORKERS


def refusal(line: Line, token: str) -> str:
    return str(line.post("/v1/tickets", token, {"host": OUTSIDE}).body["code"])


def test_without_redis_workers_allow_half_in_sum_and_come_together_again(
    fresh: Stack, redis: RedisServer
) -> None:
    rate = {"count": 12, "seconds": 600}
    fresh.edit("apps.yaml", lambda apps: apps["apps"][APP].update(rate=rate))
    workers = serving(fresh, WORKERS, redis)
    token = fresh.access_token()
    redis.kill()
    assert allowed(workers, token) == [2, 2, 2]
    assert degraded(workers) == ["limits_in_memory"] * WORKERS
    redis.start()
    until(lambda: degraded(workers) == [], "all workers to have come together", 60)
    assert sum(allowed(workers, token)) == 12
    log = (fresh.site.root / "serve.log").read_text()
    assert log.count("degraded: limits_in_memory") == WORKERS


def allowed(workers: Workers, token: str) -> list[int]:
    """How many requests each worker allows of more than there may be."""
    with workers.each() as lines:
        return at_once(
            lines, lambda line: [line.get("/v1/hosts", token).status for _ in range(15)].count(200)
        )


def degraded(workers: Workers) -> list[str]:
    with workers.each() as lines:
        return [code for line in lines for code in line.get("/readyz").body["degraded"]]


def test_what_killed_workers_left_is_closed_once_whoever_looks(fresh: Stack, redis: RedisServer) -> None:
    workers = serving(fresh, WORKERS, redis)
    token = fresh.access_token()
    fresh.lab.control.set_latency(MINT, 10)
    with workers.each() as lines, ThreadPoolExecutor(WORKERS) as pool:
        for line in lines:
            pool.submit(line.post, "/v1/tickets", token, {"host": HOST})
        until(lambda: fresh.events().count("ticket_intent") == WORKERS, "the intents")
        kill_all(workers.process)
    assert sum(closed_by_four_at_once(fresh.store)) == WORKERS
    records = fresh.records()
    check_ended(records)
    assert sum(attempts(records, "ticket_unknown").values()) == WORKERS


CLOSES = """
import sys
from pathlib import Path
from tests.support.invariants import close_orphans
print("here", flush=True)
sys.stdin.readline()
print(close_orphans(Path(sys.argv[1])))
"""


def closed_by_four_at_once(store: Path) -> list[int]:
    """How many orphans each of four processes closed that began when all of them were there."""
    command = [sys.executable, "-c", CLOSES, str(store)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "here\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("now\n")
        process.stdin.flush()
    return [int(process.communicate(timeout=30)[0]) for process in processes]
