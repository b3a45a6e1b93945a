"""POST /v1/tickets:batch."""

import json
from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Semaphore

import pytest
from werkzeug.test import TestResponse

from broker.errors import Limited, LogUnavailable, Reason, Refused
from broker.model.issuance import BatchEnd, Caller, NotAttempted
from broker.model.names import GrantId, IssuanceId, VcenterId, parse_issuance_id
from broker.model.policy import Rate
from tests.support.http_batches import ask, body_of, by_index, desk_of, lines_of
from tests.support.http_fakes import HTTP_POLICY, NAGIOS, Desk, make_desk
from tests.support.issuing import APPLIED, GRANT, TICKET, World, crowd, name


def test_every_host_has_a_line_and_the_last_one_sums_up() -> None:
    desk = desk_of(20)

    lines = lines_of(ask(desk, body_of(20)))

    assert [line["host"] for line in by_index(lines)] == [name(each) for each in range(20)]
    assert [line["ticket"]["host"]["name"] for line in by_index(lines)] == [name(n) for n in range(20)]
    assert lines[-1] == {"summary": {"asked": 20, "issued": 20, "refused": 0, "not_attempted": 0}}
    assert len(lines) == 21


def test_a_line_holds_the_ticket_as_a_single_request_would_have_been_answered() -> None:
    desk = desk_of(1)

    (line, _) = lines_of(ask(desk, body_of(1)))
    single = desk.ticket({"host": name(0)}).get_json()

    issuance = parse_issuance_id(line["ticket"].pop("issuance"))
    assert desk.world.intents[0].issuance == issuance
    assert single.pop("issuance") != issuance
    assert line == {"index": 0, "host": name(0), "ticket": single, "replayed": None}


def test_a_host_is_named_as_it_was_asked_for() -> None:
    desk = desk_of(1)

    (line, _) = lines_of(ask(desk, {"hosts": ["ESX00.Example.com."]}))

    assert (line["host"], line["ticket"]["host"]["name"]) == ("ESX00.Example.com.", name(0))


def test_the_answer_is_ndjson_that_no_proxy_holds_back_and_nobody_keeps() -> None:
    answer = ask(desk_of(1), body_of(1))

    assert answer.content_type == "application/x-ndjson"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    assert parse_issuance_id(answer.headers["Broker-Request-Id"])
    assert "Content-Length" not in answer.headers
    assert all(line.endswith("}") for line in answer.text.split("\n")[:-1])


def test_a_refused_host_has_its_problem_document_in_its_line() -> None:
    desk = desk_of(2)

    lines = lines_of(ask(desk, {"hosts": [name(0), "another.example.com", name(1)]}))

    refused = by_index(lines)[1]
    single = desk.ticket({"host": "another.example.com"}).get_json()
    assert refused["problem"].pop("id") != single.pop("id")
    assert refused == {"index": 1, "host": "another.example.com", "problem": single}
    assert lines[-1]["summary"] == {"asked": 3, "issued": 2, "refused": 1, "not_attempted": 0}
    assert [refusal.reason for refusal in desk.world.refusals] == [Reason.HOST_UNKNOWN] * 2


def test_each_host_pays_for_itself_and_is_told_when_to_come_back() -> None:
    world = crowd(5, HTTP_POLICY)
    world.policy = replace(
        world.policy,
        apps={**world.policy.apps, NAGIOS: replace(world.policy.apps[NAGIOS], rate=Rate(3, 60))},
    )
    desk = make_desk(policy=world.policy, world=world)

    lines = lines_of(ask(desk, body_of(5)))

    refused = [line["problem"] for line in lines if "problem" in line]
    assert [problem["code"] for problem in refused] == ["rate_limited"] * 2
    assert all(1 <= problem["retry_after_s"] <= 60 for problem in refused)
    assert lines[-1]["summary"]["issued"] == 3


def test_the_grants_own_limit_holds_for_each_host() -> None:
    world = crowd(2, HTTP_POLICY)
    grant = replace(GRANT, rate_per_host=Rate(1, 60))
    world.policy = replace(world.policy, grants={GRANT.id: grant})
    desk = make_desk(policy=world.policy, world=world)
    assert lines_of(ask(desk, body_of(1)))[-1]["summary"]["issued"] == 1

    lines = by_index(lines_of(ask(desk, body_of(2))))

    assert lines[0]["problem"]["code"] == "rate_limited"
    assert "ticket" in lines[1]


def test_grant_and_vcenter_are_for_every_host() -> None:
    desk = desk_of(2)
    second = replace(GRANT, id=GrantId("nagios-dc2"))
    desk.world.policy = replace(desk.world.policy, grants={GRANT.id: GRANT, second.id: second})
    desk.world.grants_applied[second.id] = replace(APPLIED, grant=second.id)

    ambiguous = by_index(lines_of(ask(desk, body_of(2))))
    named = by_index(lines_of(ask(desk, body_of(2, grant="nagios-dc2", vcenter="prod"))))
    elsewhere = by_index(lines_of(ask(desk, body_of(2, vcenter="lab"))))

    assert {line["problem"]["code"] for line in ambiguous} == {"grant_ambiguous"}
    assert {line["ticket"]["grant"] for line in named} == {"nagios-dc2"}
    assert {line["problem"]["code"] for line in elsewhere} == {"not_granted"}


def read_some(desk: Desk, hosts: int, lines: int) -> TestResponse:
    """Ask one host at a time, read so many lines and go."""
    answer = ask(desk, body_of(hosts, concurrency=1))
    parts = answer.iter_encoded()
    for _ in range(lines):
        next(parts)
    answer.close()
    return answer


def test_what_a_reader_who_goes_leaves_behind_is_one_record() -> None:
    desk = desk_of(40)

    answer = read_some(desk, 40, lines=2)

    (left,) = desk.world.left
    begun = len(desk.world.intents)
    assert 2 <= begun <= 18
    assert left == NotAttempted(
        batch=IssuanceId(answer.headers["Broker-Request-Id"]),
        hosts=tuple(name(each) for each in range(begun, 40)),
        vcenter=None,
        grant=None,
        ended_by=BatchEnd.DISCONNECTED,
    )
    assert len(desk.world.outcomes) == begun
    assert desk.world.trail[-1] == "leave"


def test_a_shutdown_ends_it_and_the_reader_is_told_once_that_is_on_record() -> None:
    desk = desk_of(5)

    def leave() -> None:
        desk.access.leaves = len(desk.world.intents) == 2

    desk.world.during_call = leave
    lines = lines_of(ask(desk, body_of(5, concurrency=1, vcenter="prod", grant=GRANT.id)))

    assert lines[-1] == {"summary": {"asked": 5, "issued": 2, "refused": 0, "not_attempted": 3}}
    (left,) = desk.world.left
    assert left.hosts == (name(2), name(3), name(4))
    assert (left.vcenter, left.grant, left.ended_by) == (VcenterId("prod"), GRANT.id, BatchEnd.SHUTTING_DOWN)


class Unrecorded(World):
    """Fails at the record of what was not attempted."""

    failure: Refused

    def leave(self, rest: NotAttempted, caller: Caller) -> None:
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "summed_up"),
    [(LogUnavailable("the store is gone"), False), (Limited(Reason.TOO_MANY_REFUSALS, 9), True)],
)
def test_there_is_no_summary_of_what_is_not_on_record(failure: Refused, summed_up: bool) -> None:  # noqa: FBT001
    world = Unrecorded(policy=HTTP_POLICY, sightings=crowd(3).sightings)
    world.failure = failure
    desk = make_desk(world=world)
    desk.access.leaves = True

    lines = lines_of(ask(desk, body_of(3)))

    assert [line["summary"]["not_attempted"] for line in lines] == ([3] if summed_up else [])


def test_a_batch_that_was_served_leaves_no_record_behind() -> None:
    desk = desk_of(3)

    lines_of(ask(desk, body_of(3)))

    assert desk.world.left == []


def test_a_line_is_there_before_the_next_host_is_begun() -> None:
    desk = desk_of(40)
    answer = ask(desk, body_of(40, concurrency=1))
    parts = answer.iter_encoded()

    first = json.loads(next(parts))

    assert first["host"] == name(0)
    assert len(desk.world.intents) <= 17
    assert len(list(parts)) == 40
    answer.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda world: setattr(world, "proof", RuntimeError(f"canary {TICKET}")),
        lambda world: setattr(world, "ticket", RuntimeError(f"canary {TICKET}")),
    ],
)
def test_a_defect_says_nothing(change: Callable[[World], None], caplog: pytest.LogCaptureFixture) -> None:
    desk = desk_of(2)
    change(desk.world)

    answer = ask(desk, body_of(2))

    assert {line["problem"]["code"] for line in by_index(lines_of(answer))} == {"internal_error"}
    assert "canary" not in answer.text + caplog.text


def test_the_rooms_know_what_is_coming_before_the_first_host_begins() -> None:
    desk = desk_of(3)

    lines_of(ask(desk, body_of(3)))

    hosts = (name(0), name(1), name(2))
    assert desk.world.expected == [("facts", "cim-a", hosts), ("proofs", "cim-a", hosts)]


@pytest.mark.parametrize(("places", "asked_for", "most"), [(2, 8, 2), (8, 3, 3), (8, 32, 8)])
def test_as_many_hosts_are_with_vcenter_as_asked_for_and_as_it_takes(
    places: int, asked_for: int, most: int
) -> None:
    world = crowd(2 * most, HTTP_POLICY)
    (vcenter,) = world.policy.vcenters.values()
    world.policy = replace(world.policy, vcenters={vcenter.id: replace(vcenter, concurrency=places)})
    together, inside, seen = Barrier(most), Semaphore(most), []

    def meet() -> None:
        seen.append(inside.acquire(blocking=False))
        together.wait(20)
        inside.release()

    world.during_call = meet
    lines = lines_of(
        ask(make_desk(policy=world.policy, world=world), body_of(2 * most, concurrency=asked_for))
    )

    assert lines[-1]["summary"]["issued"] == 2 * most
    assert all(seen)
