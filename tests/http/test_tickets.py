"""POST /v1/tickets."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from gunicorn.http.errors import InvalidChunkSize, NoMoreData

from broker.errors import REASONS, MintUnknown, Reason, Refused
from broker.model.inventory import Connection
from broker.model.issuance import Attempt, Intent, TicketRequest
from broker.model.names import GrantId, HostName, IssuanceId, Moid, parse_issuance_id
from tests.support.http_fakes import NAGIOS, Desk, make_desk
from tests.support.issuing import APPLIED, CERTIFICATE, GRANT, HOST, RECEIPT, TICKET, World, expired

BODY = {"host": "esx01.example.com"}


def test_a_ticket_is_answered_with_all_that_a_client_needs(desk: Desk) -> None:
    answer = desk.ticket(BODY)

    assert answer.status_code == 200
    told = answer.get_json()
    issuance = parse_issuance_id(told.pop("issuance"))
    assert told == {
        "attempt": 1,
        "session_id": TICKET,
        "endpoint": {"address": "192.0.2.11", "port": 5989, "url": "https://192.0.2.11:5989"},
        "certificate": {"pem": CERTIFICATE.pem, "sha256": CERTIFICATE.sha256.replace(":", "").lower()},
        "issued_at": "2026-11-23T12:00:00.000Z",
        "expires_at": "2026-11-23T12:02:00.000Z",
        "server_time": "2026-11-23T12:00:00.000Z",
        "receipt": {
            "index": 0,
            "leaf_hash": RECEIPT.leaf_hash.hex(),
            "checkpoint": RECEIPT.checkpoint,
            "proof": [],
        },
        "not_renewable": True,
        "template": {"id": "cim-ticket", "revision": "template-1"},
        "grant": "nagios-dc1",
        "account": "cim-a",
        "host": {"name": "esx01.example.com", "vcenter": "prod", "moid": "host-11"},
        "cim_access": "decided by ESXi, assume full",
        "warnings": [],
    }
    assert desk.world.intents[0].issuance == issuance
    assert f"acquire {issuance}" in desk.world.trail


def test_the_times_are_those_before_and_after_the_call(desk: Desk) -> None:
    desk.world.call_takes_s = 3
    told = desk.ticket(BODY).get_json()

    assert told["issued_at"] == "2026-11-23T12:00:00.000Z"
    assert told["server_time"] == "2026-11-23T12:00:03.000Z"


def test_no_answer_of_the_api_may_be_kept(desk: Desk) -> None:
    for answer in (desk.ticket(BODY), desk.ticket({}), desk.get("/v1/hosts"), desk.client.get("/nowhere")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers


class Remembering(World):
    """Gives every request the second attempt of one issuance."""

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        attempt = super().intend(intent, request)
        self.request = request
        return Attempt(IssuanceId("01932e3e-0000-7000-8000-00000000000f"), 2, attempt.deadline)


def test_a_reissue_says_so() -> None:
    desk = make_desk(world=Remembering(policy=make_desk().world.policy))

    answer = desk.ticket(BODY, {"Idempotency-Key": "one"})

    assert answer.headers["Idempotency-Replayed"] == "reissued"
    assert answer.get_json()["attempt"] == 2
    assert answer.get_json()["issuance"] == "01932e3e-0000-7000-8000-00000000000f"


def test_a_first_attempt_is_no_replay(desk: Desk) -> None:
    assert "Idempotency-Replayed" not in desk.ticket(BODY, {"Idempotency-Key": "one"}).headers


def test_two_spellings_of_one_request_have_one_digest() -> None:
    world = Remembering(policy=make_desk().world.policy)
    desk = make_desk(world=world)
    digests = []
    for body in (
        {"host": "ESX01.Example.COM."},
        {"host": "esx01.example.com"},
        {"grant": None, "host": "esx01.example.com"},
    ):
        desk.ticket(body)
        digests.append(world.request.digest)
    desk.ticket({"host": "esx01.example.com", "grant": GRANT.id})

    assert len(set(digests)) == 1
    assert world.request.digest not in digests


@pytest.mark.parametrize("key", ["", "a b", "a/b", "x" * 129, "ä", "a\tb", "../x"])
def test_an_idempotency_key_outside_its_grammar_is_refused(desk: Desk, key: str) -> None:
    answer = desk.ticket(BODY, {"Idempotency-Key": key})

    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "Idempotency-Key")


HOSTILE = [
    "..",
    "../../etc/passwd",
    "%2e%2e",
    "esx01%2fx",
    "esx01/x",
    "esx01\\x",
    "esx01\x00",
    "esx01.example.com\n",
    "esx01.example.com\r\nX: y",
    " esx01.example.com",
    "esx01.example.com\t",
    "esx01.examp\u217ee.com",
    "\uff45sx01.example.com",
    "esx01.example.com\u2028",
    "\u202eesx01",
    "*",
    "esx*",
    ".*",
    "a|b",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "'; DROP TABLE issuances;--",
    "<host>",
    "&amp;",
    "-esx",
    "esx..example.com",
    "",
    "x" * 255,
    "1.2.3.4.5",
    "1.2.3",
    "::1::",
    "[::1]",
    "1.2.3.4/24",
    "host-11?",
]


@pytest.mark.parametrize("field", ["host", "vcenter", "grant"])
def test_half_a_character_is_no_text(desk: Desk, field: str) -> None:
    answer = desk.ticket({**BODY, field: "\ud800"})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", ["host", "vcenter", "grant"])
def test_a_hostile_name_is_refused_before_anything_is_looked_up_and_never_repeated(
    desk: Desk, field: str, name: str
) -> None:
    answer = desk.ticket({**BODY, field: name})

    assert answer.status_code == 422
    told = answer.get_json()
    assert told["code"] == "invalid_request"
    assert told["errors"][0]["pointer"] == f"/{field}"
    assert len(name) < 4 or name not in told["errors"][0]["problem"]
    assert desk.world.trail == []
    assert desk.access.refused == [(NAGIOS, "invalid_request", "/v1/tickets", told["id"])]


@pytest.mark.parametrize(
    "name", ["PROD", "Prod", "prod ", "prod\n", "\uff50rod", "-prod", "prod-", "p_rod", "a" * 64]
)
@pytest.mark.parametrize("field", ["vcenter", "grant"])
def test_ids_have_one_spelling(desk: Desk, field: str, name: str) -> None:
    assert desk.ticket({**BODY, field: name}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"host": None},
        {"host": 1},
        {"host": ["esx01.example.com"]},
        {"host": {"name": "esx01"}},
        {"host": True},
        {**BODY, "grant": 1},
        {**BODY, "vcenter": False},
        {**BODY, "admin": True},
        {**BODY, "account": "root"},
        {**BODY, "Host": "x"},
        {**BODY, "dry_run": False},
        {"host": "x" * 5000},
        {"host": "a" * 62 + 3 * f".{'a' * 63}"},  # of 254 characters
        [],
        "esx01.example.com",
        None,
        7,
    ],
)
def test_a_body_that_does_not_fit_is_refused_on_record(desk: Desk, body: object) -> None:
    answer = desk.client.post(
        "/v1/tickets", data=json.dumps(body), content_type="application/json", headers=desk.bearer()
    )

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert desk.access.refused == [(NAGIOS, "invalid_request", "/v1/tickets", answer.get_json()["id"])]
    assert desk.world.trail == []


def test_an_unknown_field_is_not_repeated(desk: Desk) -> None:
    answer = desk.ticket({**BODY, "canary-field": "canary-value"})

    assert answer.get_json()["errors"] == [{"pointer": "", "problem": "a field that this call does not have"}]
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "application/vnd.x+json"],
)
def test_a_body_of_another_type_is_refused(desk: Desk, content_type: str) -> None:
    answer = desk.client.post(
        "/v1/tickets", data=b'{"host":"esx01.example.com"}', content_type=content_type, headers=desk.bearer()
    )

    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media_type")


def test_the_type_may_name_its_charset(desk: Desk) -> None:
    answer = desk.client.post(
        "/v1/tickets",
        data=b'{"host":"esx01.example.com"}',
        content_type="application/json; charset=utf-8",
        headers=desk.bearer(),
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("size", [64 * 1024, 1024 * 1024])
def test_an_oversize_body_is_refused_on_record(desk: Desk, size: int) -> None:
    answer = desk.client.post(
        "/v1/tickets", data=b" " * size, content_type="application/json", headers=desk.bearer()
    )

    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert desk.access.refused[-1][1] == "too_large"


@pytest.mark.parametrize("error", [InvalidChunkSize("0x1e"), NoMoreData()])
def test_a_body_that_breaks_off_is_refused_on_record(desk: Desk, error: Exception) -> None:
    class Broken:
        def read(self, _size: int = -1) -> bytes:
            raise error

    environ = {"wsgi.input": Broken(), "wsgi.input_terminated": True}
    told = desk.client.post(
        "/v1/tickets", headers=desk.bearer(), content_type="application/json", environ_overrides=environ
    )

    assert (told.status_code, told.get_json()["code"]) == (400, "malformed")
    assert desk.access.refused == [(NAGIOS, "malformed", "/v1/tickets", told.get_json()["id"])]


def test_no_such_host_not_yours_and_no_such_grant_are_the_same_bytes() -> None:
    answers = []
    changes: list[Callable[[World], object]] = [
        lambda world: setattr(world, "sightings", ()),
        lambda world: setattr(world, "grants_applied", {}),
        lambda world: world.disabled.add(GRANT.id),
        lambda world: setattr(world, "grants_applied", {GRANT.id: replace(APPLIED, scope=())}),
        lambda world: setattr(world, "policy", replace(world.policy, grants={GRANT.id: expired(GRANT)})),
        lambda world: setattr(world, "policy", replace(world.policy, grants={})),
        lambda world: setattr(
            world,
            "sightings",
            (
                *world.sightings,
                replace(world.sightings[0], host=replace(HOST, ref=replace(HOST.ref, moid=Moid("host-12")))),
            ),
        ),
    ]
    for change in changes:
        desk = make_desk()
        change(desk.world)
        answers.append(desk.ticket(BODY))
    desk = make_desk()
    answers.append(desk.ticket({**BODY, "grant": "another"}))
    answers.append(desk.ticket({"host": "another.example.com"}))

    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text.replace(answer.get_json()["id"], "ID") for answer in answers}) == 1
    assert len({frozenset(name for name, _ in answer.headers) for answer in answers}) == 1
    assert answers[0].get_json()["code"] == "not_granted"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_looks_as_the_reference_says(desk: Desk, reason: Reason) -> None:
    desk.world.proof = Refused(reason, "canary-detail")
    answer = desk.ticket(BODY)
    facts = REASONS[reason]

    assert answer.status_code == facts.status
    assert answer.content_type == "application/problem+json"
    assert "canary" not in answer.text
    assert answer.get_json() == {
        "type": f"/docs/reasons.md#{facts.shown_as}",
        "title": facts.title,
        "status": facts.status,
        "code": facts.shown_as,
        "id": desk.world.intents[0].issuance,
        "advice": facts.advice,
    }


def test_a_ticket_whose_fate_is_unknown_is_no_success(desk: Desk) -> None:
    desk.world.ticket = MintUnknown(Reason.VCENTER_TIMEOUT, "no answer")

    assert desk.ticket(BODY).status_code == 504


def test_a_defect_after_vcenter_answered_delivers_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.world.after_intent = None
    desk.world.proof = RuntimeError("canary-exception-text")

    answer = desk.ticket(BODY)

    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert "canary" not in answer.text + caplog.text
    assert [outcome.kind for outcome in desk.world.outcomes] == ["failed"]


@pytest.mark.parametrize("step", ["intend", "conclude", "refuse"])
def test_without_a_record_there_is_no_ticket(desk: Desk, step: str) -> None:
    desk.world.log_fails_at = step
    if step == "refuse":
        desk.world.sightings = ()

    answer = desk.ticket(BODY)

    assert (answer.status_code, answer.get_json()["code"]) == (503, "log_unavailable")
    assert TICKET not in answer.text


def test_where_refusals_cannot_be_recorded_nothing_is_decided(desk: Desk) -> None:
    headers = desk.bearer()
    desk.access.log_down = True

    answer = desk.client.post("/v1/tickets", json=BODY, headers=headers)

    assert (answer.status_code, answer.get_json()["code"]) == (503, "log_unavailable")


def test_warnings_reach_the_caller(desk: Desk) -> None:
    desk.world.sightings = (
        replace(desk.world.sightings[0], host=replace(HOST, connection=Connection.UNKNOWN)),
    )

    assert desk.ticket(BODY).get_json()["warnings"] == ["connection_unknown"]


def test_the_grant_and_the_vcenter_narrow_the_request(desk: Desk) -> None:
    assert desk.ticket({**BODY, "grant": GRANT.id, "vcenter": "prod"}).status_code == 200
    assert desk.ticket({**BODY, "vcenter": "lab"}).status_code == 403


def test_an_address_in_any_spelling_is_the_host(desk: Desk) -> None:
    host = replace(HOST, addresses=(HostName("2001:db8::b"),))
    desk.world.sightings = (replace(desk.world.sightings[0], host=host),)

    assert desk.ticket({"host": "2001:0DB8:0:0::000b"}).status_code == 200


def test_two_grants_that_cover_the_host_want_one_named() -> None:
    desk = make_desk()
    second = replace(GRANT, id=GrantId("nagios-dc2"))
    desk.world.policy = replace(desk.world.policy, grants={GRANT.id: GRANT, second.id: second})
    desk.world.grants_applied[second.id] = replace(APPLIED, grant=second.id)

    assert desk.ticket(BODY).get_json()["code"] == "grant_ambiguous"
    assert desk.ticket({**BODY, "grant": "nagios-dc2"}).status_code == 200


def test_a_token_that_ended_takes_no_ticket(desk: Desk) -> None:
    headers = desk.bearer()
    desk.world.clock.advance(timedelta(minutes=6).total_seconds())

    assert desk.client.post("/v1/tickets", json=BODY, headers=headers).status_code == 401
    assert desk.world.trail == []
