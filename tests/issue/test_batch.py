"""A batch: every host on the way of a single request, so many at a time, and no faster than it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Barrier, Event, Lock, local

import pytest

from broker.batch import AHEAD, Batch, Finished
from broker.errors import Limited, LogUnavailable, Reason, Refused
from broker.model.issuance import BatchEnd, IssuedTicket, TicketRequest
from broker.model.names import IssuanceId
from broker.ports.turns import FOR_NOBODY
from tests.support.deadline import eventually
from tests.support.issuing import CALLER, REQUEST, World, crowd, name


def requests(hosts: int) -> tuple[TicketRequest, ...]:
    return tuple(
        replace(REQUEST, host=name(each), issuance=IssuanceId(f"01932e3e-0000-7000-8000-0000000000{each:02}"))
        for each in range(hosts)
    )


@dataclass
class Threads:
    """Counts who works at the same time, and holds them back while `go` is not set."""

    most: int = 0
    now: int = 0
    go: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def pass_by(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(20)
        with self.lock:
            self.now -= 1


def go_on() -> BatchEnd | None:
    return None


def batch_of(world: World, hosts: int, calls: int = 4, scouts: int = 0, ended: object = go_on) -> Batch:
    assert callable(ended)
    return Batch(requests(hosts), CALLER, world.rooms(), calls, scouts, ended, FOR_NOBODY)


def test_every_host_is_served_once_and_told_by_its_place() -> None:
    world = crowd(30)
    with batch_of(world, 30) as batch:
        finished = list(batch)
    assert sorted(each.index for each in finished) == list(range(30))
    assert all(isinstance(each.result, IssuedTicket) for each in finished)
    assert {each.request.host: each.index for each in finished} == {name(n): n for n in range(30)}
    assert (len(batch.not_begun), batch.ended_by) == (0, None)


def test_every_host_goes_the_whole_way_of_a_single_request() -> None:
    world = crowd(3)
    with batch_of(world, 3, calls=1) as batch:
        list(batch)
    one = ["charge_caller", "facts", "charge_grant", "intend", "prove"]
    assert world.trail == [
        step for request in requests(3) for step in (*one, f"acquire {request.issuance}", "conclude")
    ]


def test_a_host_that_is_refused_keeps_no_other_from_its_ticket() -> None:
    world = crowd(4)
    world.sightings = world.sightings[1:]
    with batch_of(world, 4) as batch:
        ended = {each.index: each.result for each in batch}
    first = ended.pop(0)
    assert isinstance(first, Refused)
    assert first.reason is Reason.HOST_UNKNOWN
    assert all(isinstance(result, IssuedTicket) for result in ended.values())
    assert [refusal.reason for refusal in world.refusals] == [Reason.HOST_UNKNOWN]


def test_the_callers_limit_is_charged_for_each_host() -> None:
    world = crowd(5)
    world.caller_limit = Limited(Reason.RATE_LIMITED, 7)
    with batch_of(world, 5) as batch:
        results = [each.result for each in batch]
    assert [r.retry_after_s for r in results if isinstance(r, Limited)] == [7] * 5
    assert world.trail.count("charge_caller") == 5


def test_what_cannot_be_recorded_is_refused_host_by_host() -> None:
    world = crowd(3)
    world.log_fails_at = "intend"
    with batch_of(world, 3) as batch:
        results = [each.result for each in batch]
    assert all(isinstance(result, LogUnavailable) for result in results)


def test_a_defect_is_one_hosts_and_its_text_is_told_nobody(caplog: pytest.LogCaptureFixture) -> None:
    world = crowd(2)

    def breaks() -> None:
        world.after_intent = None
        raise RuntimeError("canary-text")

    world.after_intent = breaks
    with batch_of(world, 2, calls=1) as batch:
        first, second = (each.result for each in batch)
    assert isinstance(first, Refused)
    assert first.reason is Reason.INTERNAL_ERROR
    assert isinstance(second, IssuedTicket)
    assert "canary-text" not in caplog.text


def test_so_many_hosts_are_with_vcenter_at_a_time_and_no_more() -> None:
    world, threads = crowd(12), Threads()
    world.during_call = threads.pass_by
    with batch_of(world, 12, calls=5) as batch:
        assert eventually(lambda: threads.now == 5)
        threads.go.set()
        list(batch)
    assert threads.most == 5


def test_others_are_decided_and_recorded_while_those_are_with_vcenter() -> None:
    world, threads = crowd(12), Threads()
    world.during_call = threads.pass_by
    with batch_of(world, 12, calls=5) as batch:
        assert eventually(lambda: len(world.intents) == 9)
        assert threads.now == 5
        threads.go.set()
        assert len(list(batch)) == 12


def test_with_one_call_at_a_time_there_is_one_host_at_a_time() -> None:
    world, threads = crowd(3), Threads()
    world.after_intent = threads.pass_by
    threads.go.set()
    with batch_of(world, 3, calls=1) as batch:
        list(batch)
    assert threads.most == 1
    assert [intent.host_name for intent in world.intents] == [name(0), name(1), name(2)]


def test_the_others_wait_until_the_first_has_brought_what_all_need() -> None:
    world, first, together = crowd(1 + 2 * 5), Event(), Barrier(5)

    def meet() -> None:
        if len(world.intents) == 1:
            assert first.wait(20)
        else:
            together.wait(20)

    world.during_call = meet
    with batch_of(world, 11, calls=5, scouts=1) as batch:
        assert eventually(lambda: len(world.intents) == 1)
        first.set()
        finished = list(batch)
    assert finished[0].index == 0
    assert all(isinstance(each.result, IssuedTicket) for each in finished)


def test_a_first_host_that_is_refused_keeps_the_others_no_longer() -> None:
    world = crowd(3)
    world.sightings = world.sightings[1:]
    with batch_of(world, 3, scouts=1) as batch:
        assert len(list(batch)) == 3


@pytest.mark.parametrize(("calls", "most"), [(1, AHEAD), (8, AHEAD), (AHEAD, AHEAD), (20, 20)])
def test_no_host_is_begun_for_a_reader_who_is_behind(calls: int, most: int) -> None:
    world = crowd(40)
    with batch_of(world, 40, calls) as batch:
        lines = iter(batch)
        assert eventually(lambda: len(world.outcomes) == most)
        for delivered in range(5):
            next(lines)
            assert eventually(lambda so_far=delivered: len(world.outcomes) == most + so_far)  # type: ignore[misc]
            assert len(world.intents) == most + delivered
        assert len(list(lines)) == 35


def test_a_reader_who_leaves_ends_it_and_what_was_begun_comes_to_its_end() -> None:
    world, threads = crowd(20), Threads()
    world.during_call = threads.pass_by
    with batch_of(world, 20, calls=3) as batch:
        assert eventually(lambda: threads.now == 3)
        threads.go.set()
        next(iter(batch))
    assert len(world.intents) == len(world.outcomes) < 20
    assert [request.host for request in batch.not_begun] == [name(n) for n in range(len(world.intents), 20)]


@pytest.mark.parametrize("end", list(BatchEnd))
def test_no_host_is_begun_once_it_has_ended(end: BatchEnd) -> None:
    world = crowd(9)
    with batch_of(world, 9, calls=1, ended=lambda: end if len(world.intents) == 4 else None) as batch:
        finished = list(batch)
    assert [each.index for each in finished] == [0, 1, 2, 3]
    assert [request.host for request in batch.not_begun] == [name(n) for n in range(4, 9)]
    assert batch.ended_by is end
    assert len(world.trail) == 4 * 7


def test_each_host_is_decided_on_the_policy_that_is_in_force_when_it_begins() -> None:
    world = crowd(3)

    def reload() -> None:
        world.policy = replace(world.policy, revision=f"revision-{len(world.intents)}")

    world.during_call = reload
    with batch_of(world, 3, calls=1) as batch:
        list(batch)
    assert [intent.policy_revision for intent in world.intents] == ["revision-1", "revision-1", "revision-2"]


def test_finished_says_which_request_it_was() -> None:
    with batch_of(crowd(1), 1) as batch:
        (only,) = batch
    assert isinstance(only, Finished)
    assert only.request == requests(1)[0]


class OneApps:
    """Says for whom it is that a thread computes, and who waits."""

    def __init__(self) -> None:
        self.now = local()
        self.waited = 0

    def whose(self) -> str:
        return "nagios"

    @contextmanager
    def helping(self, whose: str) -> Iterator[None]:
        self.now.whose = whose
        yield
        self.now.whose = ""

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.waited += 1
        yield


def test_its_threads_compute_for_the_app_that_asked_and_the_one_that_reads_only_waits() -> None:
    world, turns, seen = crowd(6), OneApps(), []
    world.during_call = lambda: seen.append(turns.now.whose)
    with Batch(requests(6), CALLER, world.rooms(), 2, 0, go_on, turns) as batch:
        list(batch)
    assert seen == ["nagios"] * 6
    assert turns.waited >= 6
