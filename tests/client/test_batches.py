"""BrokerClient.tickets: what a broker says line by line, and what ends it early."""

import json
from datetime import timedelta
from typing import Any

import pytest

from broker.client.api import BrokerClient, HostRefused, HostTicket
from broker.client.errors import BadAnswer, BatchEnded, BrokerRefused, BrokerUnreachable
from tests.client.answers import PROBLEM, TICKET, as_json
from tests.client.conftest import Broker
from tests.support.clock import HandClock
from tests.support.https import HttpsServer, Reply

PATH = "/v1/tickets:batch"
HOSTS = ("esx01", "esx02", "esx03")


def ticket_line(index: int, **more: object) -> dict[str, Any]:
    return {"index": index, "host": HOSTS[index], "ticket": {**TICKET, **more}, "replayed": None}


def problem_line(index: int, **more: object) -> dict[str, Any]:
    return {"index": index, "host": HOSTS[index], "problem": {**PROBLEM, **more}}


def summary(not_attempted: int = 0) -> dict[str, Any]:
    asked = len(HOSTS)
    return {"summary": {"asked": asked, "issued": 1, "refused": 1, "not_attempted": not_attempted}}


def lines(*told: object, end: bytes = b"0\r\n\r\n", **headers: str) -> Reply:
    """In chunks, as they are sent while they are made."""
    chunks = (json.dumps(line).encode() + b"\n" for line in told)
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    kind = {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}
    return Reply(200, body, {**kind, **headers})


def test_each_host_has_its_ticket_or_its_refusal(client: BrokerClient, broker: Broker) -> None:
    broker.answers[PATH] = lines(ticket_line(2), problem_line(0, retry_after_s=7), ticket_line(1), summary())

    third, first, second = client.tickets(HOSTS)

    assert isinstance(third, HostTicket)
    assert isinstance(first, HostRefused)
    assert isinstance(second, HostTicket)
    assert (third.host, first.host, second.host) == ("esx03", "esx01", "esx02")
    assert third.ticket.session_id.reveal() == "canary-session"
    assert "canary" not in repr(third)
    assert not third.replayed
    refusal = first.refusal
    assert (refusal.code, refusal.status, refusal.id) == ("not_granted", 403, PROBLEM["id"])
    assert (refusal.retry_after_s, refusal.advice) == (7, PROBLEM["advice"])


def test_only_what_is_asked_for_is_sent(client: BrokerClient, broker: Broker, server: HttpsServer) -> None:
    broker.answers[PATH] = lines(*(ticket_line(each) for each in range(3)), summary())

    list(client.tickets(HOSTS, "hardware", "prod", concurrency=4, idempotency_key="poll-1"))
    list(client.tickets(HOSTS))

    _, full, bare = server.seen
    wanted = {"hosts": list(HOSTS), "grant": "hardware", "vcenter": "prod", "concurrency": 4}
    assert json.loads(full.body) == wanted
    assert full.headers["Idempotency-Key"] == "poll-1"
    assert json.loads(bare.body) == {"hosts": list(HOSTS)}
    assert "Idempotency-Key" not in bare.headers


def test_a_reissued_ticket_says_so(client: BrokerClient, broker: Broker) -> None:
    broker.answers[PATH] = lines({**ticket_line(0), "replayed": "reissued"}, summary())

    (only,) = client.tickets(HOSTS[:1])

    assert isinstance(only, HostTicket)
    assert only.replayed


def test_a_tickets_end_is_counted_on_this_machines_clock_from_the_request_on(
    client: BrokerClient, broker: Broker, clock: HandClock
) -> None:
    """The second line was made 50 s after the first one and is read after 60 s: 50 s may be counted."""
    later = {"server_time": "2026-11-23T11:00:55Z", "expires_at": "2026-11-23T11:02:50Z"}
    broker.answers[PATH] = lines(ticket_line(0), ticket_line(1, **later), summary())
    asked_at = clock.now()

    results = client.tickets(HOSTS[:2])
    first = next(results)
    clock.advance(60)
    second = next(results)

    assert isinstance(first, HostTicket)
    assert isinstance(second, HostTicket)
    assert first.ticket.usable_until == asked_at + timedelta(seconds=115)
    assert second.ticket.usable_until == asked_at + timedelta(seconds=50 + 115)


def test_no_clock_of_a_broker_makes_a_ticket_live_longer_than_it_says(
    client: BrokerClient, broker: Broker, clock: HandClock
) -> None:
    leapt = {"server_time": "2026-11-23T12:00:00Z", "expires_at": "2026-11-23T12:02:00Z"}
    broker.answers[PATH] = lines(ticket_line(0), ticket_line(1, **leapt), summary())

    _, second = client.tickets(HOSTS[:2])

    assert isinstance(second, HostTicket)
    assert second.ticket.usable_until == clock.now() + timedelta(seconds=120)


def test_hosts_that_were_not_attempted_are_named_after_the_others(
    client: BrokerClient, broker: Broker
) -> None:
    broker.answers[PATH] = lines(ticket_line(1), summary(not_attempted=2))
    results = client.tickets(HOSTS)
    next(results)

    with pytest.raises(BatchEnded) as ended:
        next(results)

    assert ended.value.hosts == ("esx01", "esx03")


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"", b"ff\r\n{"], ids=["no summary", "no end", "half a line"])
def test_an_answer_that_was_cut_is_no_whole_one(client: BrokerClient, broker: Broker, end: bytes) -> None:
    broker.answers[PATH] = lines(ticket_line(0), end=end, Connection="close")
    results = client.tickets(HOSTS)
    next(results)

    with pytest.raises(BrokerUnreachable, match="cut"):
        next(results)


@pytest.mark.parametrize(
    "told",
    [
        [ticket_line(0), ticket_line(0)],
        [{**ticket_line(0), "index": 3}],
        [{**ticket_line(0), "index": -1}],
        [{**ticket_line(0), "index": None}],
        [{"index": 0, "host": "esx01"}],
        [ticket_line(0, session_id="")],
        [problem_line(0, code=None)],
        [summary(not_attempted=2)],
        [summary(not_attempted=0)],
        [[]],
        ["text"],
    ],
)
def test_a_line_that_fits_no_batch_is_no_answer(
    client: BrokerClient, broker: Broker, told: list[object]
) -> None:
    broker.answers[PATH] = lines(*told)

    with pytest.raises(BadAnswer) as bad:
        list(client.tickets(HOSTS))

    assert "canary" not in str(bad.value)


def test_a_line_that_is_no_json_is_no_answer(client: BrokerClient, broker: Broker) -> None:
    broker.answers[PATH] = Reply(200, b"canary\n")

    with pytest.raises(BadAnswer) as bad:
        list(client.tickets(HOSTS))

    assert "canary" not in str(bad.value)


def test_a_batch_that_is_refused_as_a_whole_is_refused(client: BrokerClient, broker: Broker) -> None:
    broker.answers[PATH] = as_json(PROBLEM, 422)

    with pytest.raises(BrokerRefused) as refused:
        list(client.tickets(HOSTS))

    assert refused.value.status == 422


def test_whoever_stops_reading_closes_the_connection_and_can_ask_on(
    client: BrokerClient, broker: Broker, server: HttpsServer
) -> None:
    broker.answers[PATH] = lines(ticket_line(0), end=b"")
    results = client.tickets(HOSTS)
    next(results)
    results.close()
    opened = len(server.connections)

    broker.answers["/v1/tickets"] = as_json(TICKET)
    client.ticket("esx01")

    assert len(server.connections) == opened + 1
