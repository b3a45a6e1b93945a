"""Workers are replaced, or all told to end, while apps ask for tickets as fast as it goes."""

import json
import signal
from pathlib import Path

from broker.server.arbiter import Farewell
from tests.support.invariants import attempts, check_ended, check_log
from tests.support.load import Repeated, asking_everywhere
from tests.support.redis_server import RedisServer
from tests.support.stack import HOST, Stack, applied_stack, until, workers_of
from tests.support.working import serving

WORKERS = 3
MINT = "AcquireCimServicesTicket"


def test_no_request_fails_while_the_workers_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis, applied_stack(tmp_path, hosts=22) as stack:
        workers = serving(stack, WORKERS, redis)
        stack.lab.control.set_latency(MINT, 0.05)
        ten = [host["name"] for host in stack.lab.control.hosts() if "cluster-01" in host["path"]]
        old = workers_of(workers.process)
        with (
            stack.client() as client,
            asking_everywhere(stack) as load,
            Repeated(lambda: client.ticket(HOST).issuance) as kept,
            Repeated(lambda: batch(stack, ten)) as batches,
        ):
            more_tickets(stack, 50)
            workers.process.send_signal(signal.SIGUSR2)
            until(lambda: "every worker was replaced" in log_of(stack), "the end of it", 90)
            more_tickets(stack, 50)
            counted = load.stop()
        assert (counted.statuses, counted.broken) == ([], 0)
        assert counted.issued > 50
        assert kept.failures == []
        assert set(batches.answers) == {(10, 0, 0)}
        assert not set(old) & set(workers_of(workers.process))
        assert workers.sessions() == WORKERS


def batch(stack: Stack, hosts: list[str]) -> tuple[int, int, int]:
    """One after the other: issued, refused, not attempted."""
    token = {"Authorization": f"Bearer {stack.access_token()}"}
    answer = stack.post("/v1/tickets:batch", json={"hosts": hosts, "concurrency": 1}, headers=token)
    summary = json.loads(answer.text.splitlines()[-1])["summary"]
    return summary["issued"], summary["refused"], summary["not_attempted"]


def more_tickets(stack: Stack, number: int) -> None:
    """Wait until so many more were made."""
    before = stack.lab.control.tickets_minted()
    until(lambda: stack.lab.control.tickets_minted() >= before + number, "more tickets", 60)


def log_of(stack: Stack) -> str:
    return (stack.site.root / "serve.log").read_text()


def test_requests_wait_while_a_lone_worker_is_replaced(fresh: Stack) -> None:
    process = fresh.serve()
    fresh.ready()
    (old,) = workers_of(process)
    with asking_everywhere(fresh) as load:
        more_tickets(fresh, 50)
        process.send_signal(signal.SIGUSR2)
        until(lambda: "every worker was replaced" in log_of(fresh), "the end of it", 60)
        more_tickets(fresh, 50)
        counted = load.stop()
    assert (counted.statuses, counted.broken) == ([], 0)
    assert workers_of(process) != [old]


def test_what_was_answered_before_the_end_is_on_record_and_vcenter_is_left(
    fresh: Stack, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis:
        workers = serving(fresh, WORKERS, redis)
        with fresh.client() as client, asking_everywhere(fresh) as load:
            with Repeated(lambda: client.ticket(HOST).issuance) as kept:
                more_tickets(fresh, 50)
                workers.process.send_signal(signal.SIGTERM)
                assert workers.process.wait(bound()) == 0
            counted = load.stop()
    assert counted.statuses == []
    records = fresh.records()
    check_log(records)
    check_ended(records)
    issued = attempts(records, "ticket_issued")
    assert {(issuance, 1) for issuance in kept.answers} <= set(issued)
    assert issued.total() >= counted.issued + len(kept.answers)
    assert fresh.events().count("process_stopped") == WORKERS
    assert workers.sessions() == 0


def bound() -> float:
    """Seconds after which a process that was told to end has ended, or is killed."""
    farewell = Farewell()
    return farewell.requests_s + farewell.close_s + 2
