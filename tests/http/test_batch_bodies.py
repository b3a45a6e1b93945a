"""What a batch may be asked with, and what its Idempotency-Key means."""

import json
from dataclasses import replace

import pytest

from broker.model.issuance import Attempt, Intent, TicketRequest
from broker.model.names import IdempotencyKey
from tests.support.http_batches import PATH, ask, body_of, lines_of
from tests.support.http_fakes import AUDITOR, HTTP_POLICY, NAGIOS, Desk, make_desk, settings_for
from tests.support.issuing import GRANT, World, crowd, name


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        {"hosts": []},
        {"hosts": "esx00.example.com"},
        {"hosts": {"esx00.example.com": 1}},
        {"hosts": [1]},
        {"hosts": [None]},
        {"hosts": [["esx00.example.com"]]},
        {"host": "esx00.example.com"},
        {"hosts": ["esx00.example.com"], "host": "esx00.example.com"},
        {"hosts": ["esx00.example.com"], "dry_run": True},
        {"hosts": ["esx00.example.com"], "concurrency": 0},
        {"hosts": ["esx00.example.com"], "concurrency": 33},
        {"hosts": ["esx00.example.com"], "concurrency": True},
        {"hosts": ["esx00.example.com"], "concurrency": "8"},
        {"hosts": ["esx00.example.com"], "concurrency": None},
        {"hosts": ["esx00.example.com"], "grant": "UP"},
        {"hosts": ["x" * 300]},
    ],
)
def test_a_body_that_does_not_fit_is_refused_as_a_whole_and_on_record(desk: Desk, body: object) -> None:
    answer = desk.client.post(
        PATH, data=json.dumps(body), content_type="application/json", headers=desk.bearer()
    )

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert answer.content_type == "application/problem+json"
    assert desk.access.refused == [(NAGIOS, "invalid_request", PATH, answer.get_json()["id"])]
    assert desk.world.trail == []


@pytest.mark.parametrize("second", ["esx00.example.com", "ESX00.example.com", "esx00.example.com."])
def test_a_host_in_two_spellings_is_one_too_many(desk: Desk, second: str) -> None:
    answer = ask(desk, {"hosts": [name(0), name(1), second]})

    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [
        {"pointer": "/hosts/2", "problem": "is the host of /hosts/0 again"}
    ]
    assert desk.world.trail == []


@pytest.mark.parametrize(
    "hostile",
    [
        "../../etc/passwd",
        "esx01\n",
        "*",
        "1.2.3",
        "\uff45sx01.example.com",
        "a" * 62 + 3 * f".{'a' * 63}",  # of 254 characters
    ],
)
def test_a_hostile_name_is_pointed_at_and_never_repeated(desk: Desk, hostile: str) -> None:
    answer = ask(desk, {"hosts": [name(0), hostile]})

    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == "/hosts/1"
    assert hostile not in error["problem"]
    assert desk.world.trail == []


def test_no_more_hosts_than_the_setting_says() -> None:
    settings = replace(settings_for(), batch_hosts=3)
    desk = make_desk(settings=settings, world=crowd(4, HTTP_POLICY))

    assert len(lines_of(ask(desk, body_of(3)))) == 4
    assert ask(desk, body_of(4)).get_json()["errors"][0]["pointer"] == "/hosts"
    document = desk.client.get("/openapi.json").get_json()
    assert document["components"]["schemas"]["BatchBody"]["properties"]["hosts"]["maxItems"] == 3


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"hosts": ["a"], "hosts": ["b"]}', "application/json", 400),
        (b'{"hosts": ["a"]', "application/json", 400),
        (b'{"hosts": ["a"]}', "text/plain", 415),
        (b" " * 64 * 1024, "application/json", 413),
    ],
)
def test_it_is_read_as_strictly_as_a_single_request(
    desk: Desk, content: bytes, content_type: str, status: int
) -> None:
    answer = desk.client.post(PATH, data=content, content_type=content_type, headers=desk.bearer())

    assert answer.status_code == status
    assert desk.access.refused[0][2] == PATH


def test_it_has_no_query(desk: Desk) -> None:
    answer = desk.client.post(f"{PATH}?dry_run=true", json=body_of(1), headers=desk.bearer())

    assert answer.status_code == 422


def test_an_app_without_the_scope_is_turned_away(desk: Desk) -> None:
    answer = desk.client.post(PATH, json=body_of(1), headers=desk.bearer(AUDITOR, "audit.read"))

    assert (answer.status_code, answer.get_json()["code"]) == (403, "insufficient_scope")
    assert desk.world.trail == []


class Remembering(World):
    """Keeps the requests, and gives them the attempts that a test says."""

    number = 1

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        attempt = super().intend(intent, request)
        self.keys = {**getattr(self, "keys", {}), request.host: request.idempotency_key}
        return replace(attempt, number=self.number)


def remembering(hosts: int) -> Remembering:
    return Remembering(policy=HTTP_POLICY, sightings=crowd(hosts).sightings)


def keys_of(hosts: list[str], key: str = "poll-1", **more: object) -> dict[str, IdempotencyKey]:
    world = remembering(3)
    lines_of(ask(make_desk(world=world), {"hosts": hosts, **more}, Idempotency_Key=key))
    return world.keys


def test_a_key_counts_for_each_host_whatever_else_is_in_the_batch() -> None:
    both = keys_of([name(0), name(1)])

    assert both[name(0)] != both[name(1)]
    assert keys_of([name(1), name(2)])[name(1)] == both[name(1)]
    assert keys_of([name(1).upper()])[name(1)] == both[name(1)]
    assert keys_of([name(1)], key="poll-2")[name(1)] != both[name(1)]
    assert keys_of([name(1)], grant=GRANT.id)[name(1)] != both[name(1)]


def test_without_a_key_no_host_has_one() -> None:
    world = remembering(2)
    lines_of(ask(make_desk(world=world), body_of(2)))

    assert set(world.keys.values()) == {None}


def test_a_key_outside_its_grammar_is_refused_as_a_whole(desk: Desk) -> None:
    answer = ask(desk, body_of(1), Idempotency_Key="a b")

    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "Idempotency-Key")


def test_a_line_says_that_its_host_was_answered_before() -> None:
    world = remembering(1)
    world.number = 2

    (line, _) = lines_of(ask(make_desk(world=world), body_of(1), Idempotency_Key="poll-1"))

    assert (line["replayed"], line["ticket"]["attempt"]) == ("reissued", 2)
