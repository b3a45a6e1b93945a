"""Three workers on one store: what one has done or been told holds for the others at once."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.clock import SystemClock
from broker.demo.files import APP, GRANT
from tests.support.lines import Line, at_once
from tests.support.redis_server import RedisServer
from tests.support.stack import HOST, Stack, applied_stack, new_stack, until, workers_of
from tests.support.working import Workers, ready_workers, serving

WORKERS = 3
MINT = "AcquireCimServicesTicket"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("redis")
    with RedisServer(folder) as redis, applied_stack(tmp_path_factory.mktemp("site")) as stack:
        yield serving(stack, WORKERS, redis)


def test_every_worker_answers_for_itself_whether_it_is_ready(scene: Workers) -> None:
    with scene.each() as lines:
        answers = [line.get("/readyz") for line in lines]
    assert answers == [(200, {"ready": True, "degraded": []})] * WORKERS


def test_every_worker_takes_tickets_on_a_session_of_its_own(scene: Workers) -> None:
    token, before = scene.stack.access_token(), len(scene.stack.records())
    with scene.each() as lines:
        answers = [line.post("/v1/tickets", token, {"host": HOST}) for line in lines]
    assert [answer.status for answer in answers] == [200] * WORKERS
    issued = [r for r in scene.stack.records()[before:] if r["event"] == "ticket_issued"]
    assert len({record["boot"] for record in issued}) == WORKERS
    assert scene.sessions() == WORKERS


def test_an_assertion_that_is_used_everywhere_at_once_gives_one_token(scene: Workers) -> None:
    proven = scene.stack.credential().prove(scene.stack.site.url, SystemClock())
    form = urlencode({**proven.form, "grant_type": "client_credentials", "scope": "tickets"})
    with scene.each() as lines:
        answers = at_once(lines, lambda line: line.form("/oauth2/token", form))
    assert sorted(answer.status for answer in answers) == [200, 401, 401]


def test_of_requests_under_one_key_that_come_everywhere_at_once_one_runs(scene: Workers) -> None:
    token, before = scene.stack.access_token(), len(scene.stack.records())
    scene.stack.lab.control.set_latency(MINT, 2)
    try:
        with scene.each() as lines:
            answers = at_once(lines, lambda line: keyed(line, token))
    finally:
        scene.stack.lab.control.set_latency(MINT, 0)
    told = Counter((answer.status, answer.body.get("code", "")) for answer in answers)
    assert told == {(200, ""): 1, (409, "idempotency_running"): WORKERS - 1}
    events = Counter(record["event"] for record in scene.stack.records()[before:])
    assert (events["ticket_intent"], events["ticket_issued"]) == (1, 1)


def keyed(line: Line, token: str) -> Any:
    return line.post("/v1/tickets", token, {"host": HOST}, Idempotency_Key="one-for-all")


def test_an_app_that_is_disabled_is_cut_in_every_worker_at_once(scene: Workers) -> None:
    token = scene.stack.access_token()
    assert scene.ask("/v1/hosts", token) == [200] * WORKERS
    scene.stack.config("apps", "disable", APP)
    assert scene.ask("/v1/hosts", token) == [401] * WORKERS
    scene.stack.config("apps", "enable", APP)


def test_a_grant_that_is_disabled_is_cut_in_every_worker_at_once(scene: Workers) -> None:
    token = scene.stack.access_token()
    scene.stack.config("grants", "disable", GRANT)
    with scene.each() as lines:
        refused = at_once(lines, lambda line: line.post("/v1/tickets", token, {"host": HOST}))
    scene.stack.config("grants", "enable", GRANT)
    assert [(answer.status, answer.body["code"]) for answer in refused] == [(403, "not_granted")] * WORKERS


def test_requests_are_counted_in_sum(scene: Workers) -> None:
    token = scene.stack.access_token()
    scene.stack.edit("apps.yaml", lambda apps: apps["apps"][APP].update(rate={"count": 7, "seconds": 60}))
    scene.stack.config("reload")
    with scene.each() as lines:
        told = at_once(lines, lambda line: [line.get("/v1/hosts", token).status for _ in range(5)])
    assert Counter(status for statuses in told for status in statuses) == {200: 7, 429: 8}
    rate = {"count": 100_000, "seconds": 60}
    scene.stack.edit("apps.yaml", lambda apps: apps["apps"][APP].update(rate=rate))
    scene.stack.config("reload")


def test_a_reload_waits_for_every_worker(scene: Workers) -> None:
    answers = json.loads(scene.stack.config("reload", "--format", "json").stdout)
    assert [answer["kind"] for answer in answers] == ["serve"] * WORKERS
    assert len({answer["boot"] for answer in answers}) == WORKERS
    assert len({answer["revision"] for answer in answers}) == 1


def test_a_hangup_has_every_worker_read_the_policy_anew(scene: Workers) -> None:
    before = len(scene.stack.records())
    os.kill(scene.process.pid, signal.SIGHUP)
    until(lambda: reloaded(scene.stack, before) == WORKERS, "all of them to have read it")


def reloaded(stack: Stack, since: int) -> int:
    return len({r["boot"] for r in stack.records()[since:] if r["event"] == "policy_reloaded"})


def test_places_that_the_workers_cannot_share_keep_the_policy_before_in_every_worker(scene: Workers) -> None:
    vcenters = scene.stack.site.config / "vcenters.yaml"
    good = vcenters.read_text()
    scene.stack.edit("vcenters.yaml", lambda v: v["vcenters"]["lab"].update(concurrency=WORKERS - 1))
    refused = scene.stack.config("reload", check=False)
    vcenters.write_text(good)
    assert refused.returncode == 3
    assert f"concurrency: is 2, which {WORKERS} workers cannot share" in refused.stderr
    assert scene.stack.get("/readyz").status_code == 200


def test_a_worker_that_is_killed_is_replaced_and_loses_nothing(scene: Workers) -> None:
    first, *others = workers_of(scene.process)
    ready = ready_workers(scene.stack)
    os.kill(first, signal.SIGKILL)
    with scene.stack.client() as client:
        delivered = [client.ticket(HOST).issuance for _ in range(5)]
    until(lambda: ready_workers(scene.stack) > ready, "the replacement")
    assert set(others) < set(workers_of(scene.process))
    issued = {r["fields"]["issuance"] for r in scene.stack.records() if r["event"] == "ticket_issued"}
    assert set(delivered) <= issued


def test_a_worker_that_meets_broken_files_is_replaced_once_they_are_mended(scene: Workers) -> None:
    grants = scene.stack.site.config / "grants.yaml"
    good, ready = grants.read_text(), ready_workers(scene.stack)
    grants.write_text(good + "surplus: true\n")
    first, *others = workers_of(scene.process)
    os.kill(first, signal.SIGKILL)
    log = scene.stack.site.root / "serve.log"
    until(lambda: "a worker could not start" in log.read_text(), "the failure")
    assert "this worker cannot start: " in log.read_text()
    with scene.stack.client() as client:
        assert client.ticket(HOST).host == HOST
    assert set(others) <= set(workers_of(scene.process))
    grants.write_text(good)
    until(lambda: ready_workers(scene.stack) > ready, "the replacement")


def test_workers_without_a_redis_are_told_at_start_and_by_the_check(tmp_path: Path) -> None:
    with new_stack(tmp_path) as stack:
        stack.edit("server.yaml", lambda server: server.update(workers=2))
        for command in (("serve",), ("config", "check")):
            refused = stack.process(*command, "--config", str(stack.site.config), check=False)
            assert refused.returncode == 3
            assert "workers: has no Redis" in refused.stdout + refused.stderr
