import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.client.api import BrokerClient, DryRunAnswer
from broker.client.errors import BadAnswer, BrokerRefused, BrokerUnreachable, ClientError
from broker.client.tokens import SecretCredential
from broker.errors import InvalidName
from broker.model.secret import Secret
from tests.client.answers import DECISION, PROBLEM, TICKET, as_json
from tests.client.conftest import Broker
from tests.support.certificates import self_signed
from tests.support.clock import HandClock
from tests.support.deadline import eventually
from tests.support.https import HttpsServer, Reply, Seen, https_server


def test_a_ticket_comes_back_whole_and_its_secret_wrapped(client: BrokerClient, broker: Broker) -> None:
    broker.answers["/v1/tickets"] = as_json(TICKET, 201)
    ticket = client.ticket("esx01.example.com")
    assert ticket.session_id.reveal() == "canary-session"
    assert "canary" not in repr(ticket)
    assert (ticket.host, ticket.address, ticket.port) == ("esx01.example.com", "10.0.0.1", 5989)
    assert ticket.expires_at == datetime(2026, 11, 23, 11, 2, tzinfo=UTC)


def test_a_closed_client_leaves_no_connection_to_whoever_keeps_a_refusal(
    client: BrokerClient, broker: Broker, server: HttpsServer
) -> None:
    broker.answers["/v1/tickets"] = as_json(PROBLEM, 403)
    with pytest.raises(BrokerRefused) as kept:
        client.ticket("esx01.example.com")
    client.close()
    assert eventually(lambda: len(server.ended) == len(server.connections))
    assert kept.value.status == 403


def test_a_tickets_end_is_counted_on_this_machines_clock(
    client: BrokerClient, broker: Broker, clock: HandClock
) -> None:
    broker.answers["/v1/tickets"] = as_json(TICKET)
    assert client.ticket("esx01.example.com").usable_until == clock.now() + timedelta(seconds=115)


def test_only_what_is_asked_for_is_sent(client: BrokerClient, broker: Broker, server: HttpsServer) -> None:
    broker.answers["/v1/tickets"] = as_json(TICKET)
    client.ticket("esx01", "hardware", "prod", idempotency_key="again-1")
    client.ticket("esx01")
    _, full, bare = server.seen
    assert json.loads(full.body) == {"host": "esx01", "grant": "hardware", "vcenter": "prod"}
    assert full.headers["Idempotency-Key"] == "again-1"
    assert json.loads(bare.body) == {"host": "esx01"}
    assert "Idempotency-Key" not in bare.headers
    assert full.headers["Authorization"] == "Bearer token-1"


def test_a_dry_run_takes_no_ticket(client: BrokerClient, broker: Broker, server: HttpsServer) -> None:
    broker.answers["/v1/tickets"] = as_json(DECISION)
    answer = client.ticket("esx01.example.com", dry_run=True)
    assert isinstance(answer, DryRunAnswer)
    assert answer.warnings == ("firewall_unknown",)
    assert server.seen[-1].path == "/v1/tickets?dry_run=true"


def test_a_token_is_used_until_shortly_before_its_end(
    client: BrokerClient, broker: Broker, clock: HandClock
) -> None:
    broker.answers["/v1/hosts"] = as_json(
        {"items": [{"name": "esx01"}], "next_cursor": None, "incomplete": ["inventory_stale"]}
    )
    assert client.hosts().incomplete == ("inventory_stale",)
    clock.advance(269)
    client.hosts()
    assert broker.tokens == 1
    clock.advance(2)
    assert client.hosts().items == ({"name": "esx01"},)
    assert broker.tokens == 2


def test_a_refused_token_is_not_used_again(client: BrokerClient, broker: Broker) -> None:
    broker.answers["/v1/issuances"] = as_json({**PROBLEM, "code": "unauthenticated"}, 401)
    with pytest.raises(BrokerRefused):
        client.issuances()
    broker.answers["/v1/issuances"] = as_json({"items": [], "next_cursor": None})
    assert client.issuances("next-page").items == ()
    assert broker.tokens == 2


def test_a_refusal_says_code_id_and_advice(client: BrokerClient, broker: Broker) -> None:
    broker.answers["/v1/tickets"] = as_json(PROBLEM, 403)
    with pytest.raises(BrokerRefused) as refused:
        client.ticket("esx01")
    error = refused.value
    assert (error.status, error.code, error.advice) == (403, "not_granted", "Ask the broker's admins.")
    assert error.id == "019ab1de-0000-7000-8000-000000000009"
    assert error.retry_after_s is None
    assert error.id in str(error)


def test_a_limit_says_when_to_come_back(client: BrokerClient, broker: Broker) -> None:
    limited = as_json({**PROBLEM, "code": "rate_limited"}, 429, **{"Retry-After": "17"})
    broker.answers["/v1/tickets"] = limited
    with pytest.raises(BrokerRefused) as refused:
        client.ticket("esx01")
    assert refused.value.retry_after_s == 17


def test_a_refused_client_is_told_in_the_same_way(client: BrokerClient, broker: Broker) -> None:
    refusal = {"error": "invalid_client", "error_description": "The client could not be authenticated"}
    broker.answers["/oauth2/token"] = as_json(refusal, 401)
    with pytest.raises(BrokerRefused) as refused:
        client.hosts()
    assert (refused.value.code, refused.value.status) == ("invalid_client", 401)


def test_a_ticket_call_whose_answer_is_lost_is_sent_once(
    client: BrokerClient, broker: Broker, server: HttpsServer
) -> None:
    broker.answers["/v1/hosts"] = as_json({"items": []})
    client.hosts()  # a kept connection is what libraries like to try again on
    broker.answers["/v1/tickets"] = None
    with pytest.raises(BrokerUnreachable):
        client.ticket("esx01")
    assert [seen.path for seen in server.seen].count("/v1/tickets") == 1


def test_an_unreachable_broker_gives_away_neither_secret_nor_token(
    client: BrokerClient, broker: Broker
) -> None:
    broker.answers["/v1/hosts"] = None
    with pytest.raises(BrokerUnreachable) as unreachable:
        client.hosts()
    assert unreachable.value.__cause__ is None
    assert "token-1" not in str(unreachable.value)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"no json", "not JSON"),
        (b"[]", "not a JSON object"),
        (json.dumps({**TICKET, "session_id": ""}).encode(), "wrong: session_id"),
        (
            json.dumps({**TICKET, "certificate": {"pem": "x", "sha256": "canary"}}).encode(),
            "certificate.sha256",
        ),
    ],
)
def test_what_is_no_answer_is_refused_without_repeating_it(
    client: BrokerClient, broker: Broker, body: bytes, what: str
) -> None:
    broker.answers["/v1/tickets"] = Reply(200, body)
    with pytest.raises(BadAnswer, match=what) as bad:
        client.ticket("esx01")
    assert "canary" not in str(bad.value)


@pytest.mark.parametrize("status", [403, 502])
def test_a_refusal_that_is_no_problem_document_is_told_by_its_status(
    client: BrokerClient, broker: Broker, status: int
) -> None:
    broker.answers["/v1/tickets"] = Reply(status, b"<html>canary</html>")
    with pytest.raises(BadAnswer, match=f"status {status}") as bad:
        client.ticket("esx01")
    assert "canary" not in str(bad.value)


def test_a_broker_that_takes_too_long_is_told(
    client: BrokerClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.client.http.READ_TIMEOUT_S", 0.2)
    ended = threading.Event()

    def slow(seen: Seen) -> Reply | None:
        ended.wait(5)
        return None

    broker.slow = slow
    with pytest.raises(BrokerUnreachable, match="in time"):
        client.hosts()
    ended.set()


def test_a_redirect_is_not_followed(client: BrokerClient, broker: Broker, server: HttpsServer) -> None:
    broker.answers["/v1/tickets"] = as_json({}, 307, Location=f"{server.url}/elsewhere")
    with pytest.raises(ClientError):
        client.ticket("esx01")
    assert all(seen.path != "/elsewhere" for seen in server.seen)


def test_a_broker_with_another_certificate_is_sent_nothing(
    tmp_path: Path, ca_file: Path, broker: Broker, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = self_signed("localhost")
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(other.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    credential = SecretCredential("monitoring", Secret("canary"))
    with (
        https_server(tmp_path, other, broker) as server,
        BrokerClient(server.url, ca_file, credential, clock) as client,
        pytest.raises(BrokerUnreachable, match="does not verify"),
    ):
        client.hosts()
    assert server.seen == []


def test_the_right_name_is_demanded_of_the_broker(
    server: HttpsServer, ca_file: Path, clock: HandClock
) -> None:
    url = server.url.replace("localhost", "127.0.0.1")
    with (
        BrokerClient(url, ca_file, SecretCredential("monitoring", Secret("canary")), clock) as client,
        pytest.raises(BrokerUnreachable, match="for another name"),
    ):
        client.hosts()
    assert server.seen == []


def test_a_proxy_of_the_environment_is_not_used(
    client: BrokerClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    broker.answers["/v1/hosts"] = as_json({"items": []})
    assert client.hosts().items == ()


def test_a_url_without_tls_is_refused(ca_file: Path) -> None:
    with pytest.raises(ClientError, match="https"):
        BrokerClient("http://broker.example.com", ca_file, SecretCredential("m", Secret("x")))


def test_an_issuance_is_asked_for_by_a_whole_id_only(
    client: BrokerClient, broker: Broker, server: HttpsServer
) -> None:
    with pytest.raises(InvalidName):
        client.issuance("../tickets")
    assert server.seen == []
    known = "019ab1de-0000-7000-8000-000000000001"
    broker.answers[f"/v1/issuances/{known}"] = as_json({"issuance": known})
    assert client.issuance(known) == {"issuance": known}


def test_a_ca_file_without_a_certificate_is_named(tmp_path: Path, clock: HandClock) -> None:
    file = tmp_path / "no-ca.pem"
    file.write_text("nothing")
    with pytest.raises(ClientError, match="holds no certificate"):
        BrokerClient("https://localhost:1", file, SecretCredential("monitoring", Secret("canary")), clock)


def test_an_unreachable_broker_is_named(ca_file: Path, clock: HandClock) -> None:
    credential = SecretCredential("monitoring", Secret("canary"))
    with (
        BrokerClient("https://localhost:1", ca_file, credential, clock) as client,
        pytest.raises(BrokerUnreachable, match="https://localhost:1: nothing answers there"),
    ):
        client.ticket("esx01")


def test_a_refusal_says_what_to_do_how_long_to_wait_and_its_id() -> None:
    refused = BrokerRefused(429, "rate_limited", "Too many requests", "Come back later.", "id-1", 7)
    assert str(refused) == ("rate_limited: Too many requests. Come back later. Retry-After is 7 s. (id id-1)")
    bare = BrokerRefused(401, "invalid_client", "The client could not be authenticated.", "", "", None)
    assert str(bare) == "invalid_client: The client could not be authenticated. (id unknown)"
