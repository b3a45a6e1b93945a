"""The process: rounds on a schedule and on reload, and an end that logs out."""

import logging
import queue
import signal
from collections.abc import Callable, Iterator
from threading import Semaphore, Thread

import pytest

from broker.controller.process import ControllerProcess
from broker.errors import BrokerError, LogUnavailable
from broker.model.applied import Standing
from broker.model.names import GrantId
from broker.model.policy import Policy
from broker.model.record import Event
from broker.policy.holder import PolicyHolder
from broker.policy.presence import Presence
from broker.store.database import Database
from broker.store.processes import StoredProcesses
from tests.controller.conftest import Controller
from tests.support.administration import grant, policy
from tests.support.deadline import eventually

CLUSTER = "/DC1/host/cluster"
ONE = policy(grant("g1", CLUSTER))
TWO = Policy("revision-2", ONE.vcenters, ONE.accounts, ONE.apps, ONE.templates, ONE.grants)


class Running:
    """A controller process in a thread; `beat` lets it go once round its loop."""

    def __init__(
        self, controller: Controller, database: Database, load: Callable[[], Policy], interval_s: float
    ) -> None:
        self.controller = controller
        self.processes = StoredProcesses(database)
        self.holder = PolicyHolder(ONE)
        self.watch = controller.watch()
        self._signals: queue.Queue[int | None] = queue.Queue()
        self._waiting = Semaphore(0)
        presence = Presence("boot-1", "controller", self.processes, controller.clock)
        self.process = ControllerProcess(presence, self.holder, load, self.watch, controller.log, interval_s)
        self.thread = Thread(target=self.process.run, args=(self._next,), daemon=True)

    def _next(self, _seconds: float) -> int | None:
        self._waiting.release()
        return self._signals.get()

    def tell(self, told: int | None) -> None:
        assert self._waiting.acquire(timeout=10)
        self._signals.put(told)
        assert self._waiting.acquire(timeout=10)
        self._waiting.release()

    def end(self, told: int = signal.SIGTERM) -> None:
        self._signals.put(told)
        self.thread.join(10)
        assert not self.thread.is_alive()


Start = Callable[..., Running]


@pytest.fixture
def start(controller: Controller, database: Database) -> Iterator[Start]:
    started: list[Running] = []

    def begin(load: Callable[[], Policy] = lambda: ONE, interval_s: float = 3600.0) -> Running:
        running = Running(controller, database, load, interval_s)
        started.append(running)
        running.thread.start()
        running.tell(None)
        return running

    yield begin
    for running in started:
        if running.thread.is_alive():
            running.end()


def drifted(controller: Controller) -> bool:
    applied = controller.store.applied(GrantId("g1"))
    return applied is not None and applied.standing is not Standing.HOLDS


def test_it_looks_at_once_and_says_that_it_runs(controller: Controller, start: Start) -> None:
    controller.apply(ONE)
    controller.prod.permissions.clear()
    start()
    assert eventually(lambda: drifted(controller))
    assert {Event.PROCESS_STARTED, Event.POLICY_LOADED} <= set(controller.log.events())


def test_it_looks_again_on_schedule(controller: Controller, start: Start) -> None:
    controller.apply(ONE)
    start(interval_s=0.02)
    assert eventually(lambda: controller.prod.logins == 2)
    controller.prod.permissions.clear()
    assert eventually(lambda: drifted(controller))


def test_a_reload_is_answered_and_looks_anew(controller: Controller, start: Start) -> None:
    controller.apply(ONE)
    running = start(load=lambda: TWO)
    assert eventually(lambda: controller.prod.logins == 2)
    controller.prod.permissions.clear()
    generation = running.processes.ask_reload()
    running.tell(None)
    (answer,), missing = running.processes.answers(generation)
    assert (answer.kind, answer.revision, answer.error, missing) == ("controller", "revision-2", "", 0)
    assert eventually(lambda: drifted(controller))
    assert Event.POLICY_RELOADED in controller.log.events()


def test_a_hangup_asks_every_process_to_reload(controller: Controller, start: Start) -> None:
    running = start(load=lambda: TWO)
    running.tell(signal.SIGHUP)
    assert running.holder.current() is TWO


def test_a_broken_policy_keeps_the_old_one(controller: Controller, start: Start) -> None:
    def broken() -> Policy:
        raise BrokerError("grants.yaml:3: no")

    running = start(load=broken)
    generation = running.processes.ask_reload()
    running.tell(None)
    (answer,), _ = running.processes.answers(generation)
    assert (answer.revision, answer.error) == ("revision-1", "grants.yaml:3: no")
    assert running.holder.current() is ONE
    assert Event.POLICY_REFUSED in controller.log.events()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_its_end_logs_out_and_is_on_record(controller: Controller, start: Start, told: int) -> None:
    controller.apply(ONE)
    running = start()
    assert eventually(lambda: controller.prod.logins == 2)
    running.end(told)
    assert controller.prod.logouts == 2
    assert controller.log.events()[-1] is Event.PROCESS_STOPPED
    generation = running.processes.ask_reload()
    assert running.processes.answers(generation) == ((), 0)


def test_a_defect_in_a_round_is_logged_by_its_type_and_the_next_round_comes(
    controller: Controller, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    controller.apply(ONE)
    fails = [True]

    def defect(call: str, _subject: str) -> None:
        if call == "survey" and fails.pop():
            fails.append(False)
            raise KeyError("canary-secret")
        fails.append(False)

    controller.prod.fail = defect
    controller.prod.permissions.clear()
    with caplog.at_level(logging.DEBUG):
        start(interval_s=0.02)
        assert eventually(lambda: drifted(controller))
    assert "KeyError" in caplog.text
    assert "canary" not in caplog.text


def test_a_store_that_is_away_for_a_while_does_not_end_the_process(
    controller: Controller, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = start()
    running.tell(None)

    def away() -> int:
        raise LogUnavailable("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(running.processes, "generation", away)
        running.tell(None)
    running.tell(None)
    assert "disk full" in caplog.text
    assert running.thread.is_alive()
