"""What Prometheus reads of a running broker: everything that was done shows, and nobody's name does."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from broker.demo.files import ACCOUNT_USER, APP, GRANT
from broker.metrics.families import FAMILIES, Kind
from broker.metrics.meter import METHODS
from broker.model.applied import DriftKind
from broker.model.health import Degraded
from broker.ports.metering import Stop
from tests.support.promql import TARGET, Query
from tests.support.scraping import MeasuredStack, Scraped, measured_stack
from tests.support.shipped_queries import EXPRESSIONS
from tests.support.stack import HOST, OUTSIDE, until

RECORDED_SINGLY = 2


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeasuredStack]:
    """Served, ready, and asked for all kinds of things; `scrape` may be called again."""
    budget = {"count": RECORDED_SINGLY, "seconds": 600}
    with measured_stack(tmp_path_factory.mktemp("site"), recorded_refusals=budget) as running:
        running.stack.serve()
        running.stack.ready()
        with running.stack.client() as client:
            client.ticket(HOST)
            client.ticket(HOST)
            client.ticket(HOST, dry_run=True)
        for _ in range(RECORDED_SINGLY + 2):
            running.stack.refusal(OUTSIDE)
        running.stack.get("/v1/hosts")
        running.stack.post("/oauth2/token", data={"grant_type": "client_credentials"})
        running.stack.get("/none")
        no_http(running)
        yield running


def no_http(measured: MeasuredStack) -> None:
    """Say something that never becomes a request of the app."""
    site = measured.stack.site
    context = ssl.create_default_context(cafile=str(site.broker_ca))
    address = ("127.0.0.1", int(site.url.rpartition(":")[2]))
    with (
        socket.create_connection(address, timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"no http\r\n\r\n")
        assert tls.recv(13) == b"HTTP/1.1 400 "


@pytest.fixture(scope="module")
def scraped(measured: MeasuredStack) -> Scraped:
    return measured.scrape()


def test_tickets_are_counted_by_template_and_vcenter(scraped: Scraped) -> None:
    labels = {"template": "cim-ticket", "vcenter": "lab", "reason": "none"}
    assert scraped.value("broker_ticket_requests_total", ended="issued", **labels) == 2
    assert scraped.value("broker_ticket_requests_total", ended="rehearsed", **labels) == 1


def test_refused_ticket_requests_are_counted_by_reason_those_that_are_only_summed_up_too(
    scraped: Scraped,
) -> None:
    labels = {"template": "none", "vcenter": "none", "reason": "host_unknown"}
    counted = scraped.value("broker_ticket_requests_total", ended="refused", **labels)
    assert counted == RECORDED_SINGLY + 2


def test_answers_that_say_no_are_counted_by_the_reason_that_they_were_given_for(scraped: Scraped) -> None:
    told = {
        ("/v1/tickets", "host_unknown"): RECORDED_SINGLY,
        ("/v1/tickets", "too_many_refusals"): 2,
        ("/v1/hosts", "unauthenticated"): 1,
        ("/oauth2/token", "invalid_client"): 1,
        ("none", "not_found"): 1,
        ("none", "malformed"): 1,
    }
    assert {
        (route, reason): scraped.value("broker_refusals_total", route=route, reason=reason)
        for route, reason in told
    } == told


def test_answers_are_counted_by_the_class_of_their_status(scraped: Scraped) -> None:
    assert scraped.value("broker_http_requests_total", route="/v1/tickets", status="2xx") == 3
    assert scraped.value("broker_http_requests_total", route="/v1/tickets", status="4xx") == 4
    assert scraped.value("broker_http_request_seconds_count", route="/v1/tickets") == 7


def test_every_stop_of_the_way_is_timed(scraped: Scraped) -> None:
    counts = {stop: scraped.value("broker_stop_seconds_count", stop=stop.value) for stop in Stop}
    assert all(counts.values())
    assert counts[Stop.TICKET] == counts[Stop.INTENT] == 2
    assert counts[Stop.PROOF] == 3


def test_the_age_of_each_proof_used_is_kept(scraped: Scraped) -> None:
    assert scraped.value("broker_proof_age_seconds_count", vcenter="lab") == 3


def test_calls_of_vcenter_are_counted_by_method_and_result(scraped: Scraped) -> None:
    name = "broker_vcenter_calls_total"
    mint = {"vcenter": "lab", "method": "AcquireCimServicesTicket"}
    assert scraped.value(name, result="answered", **mint) == 2
    assert scraped.value("broker_vcenter_call_seconds_count", **mint) == 2
    methods = {dict(labels)["method"] for sample, labels in scraped.samples if sample == name}
    assert methods <= METHODS


def test_drift_is_shown_for_every_vcenter_and_kind_and_how_old_that_is(scraped: Scraped) -> None:
    counts = [scraped.value("broker_drifted_grants", vcenter="lab", kind=kind.value) for kind in DriftKind]
    assert counts == [0, 0, 0, 0]
    assert 0 < scraped.value("broker_controller_silence_seconds", vcenter="lab") < 600


def test_a_long_wait_is_counted_and_not_timed(measured: MeasuredStack) -> None:
    wait = {"vcenter": "lab", "method": "WaitForUpdatesEx"}
    name = "broker_vcenter_calls_total"
    until(lambda: measured.scrape().value(name, result="answered", **wait) >= 1, "an answered wait")
    assert measured.scrape().value("broker_vcenter_call_seconds_count", **wait) == 0


def test_sessions_are_counted_by_vcenter(scraped: Scraped) -> None:
    assert scraped.value("broker_vcenter_sessions", vcenter="lab") == 1


def test_nothing_runs_or_waits_at_a_vcenter_that_nobody_asks(measured: MeasuredStack) -> None:
    quiet = {"broker_vcenter_calls_running": 0.0, "broker_vcenter_calls_waiting": 0.0}
    until(
        lambda: {name: measured.scrape().value(name, vcenter="lab") for name in quiet} == quiet,
        "a quiet moment",
    )


def test_commits_of_the_store_are_counted_with_their_records(scraped: Scraped) -> None:
    commits = scraped.value("broker_store_commits_total", result="durable")
    assert commits >= 2 * 2
    assert scraped.value("broker_store_commit_seconds_count") == commits
    assert scraped.value("broker_store_commit_records_sum") >= 2 * 2
    assert scraped.value("broker_store_commits_total", result="unknown") == 0


def test_the_process_says_how_it_stands_and_what_it_is(scraped: Scraped) -> None:
    assert scraped.value("broker_can_issue") == 1
    codes = {dict(labels)["code"] for name, labels in scraped.samples if name == "broker_degraded"}
    assert codes == {*Degraded, "other"}
    assert "broker_build_info" in scraped.labels()
    assert scraped.value("process_resident_memory_bytes") > 0


def test_every_family_is_there_with_its_type_and_its_labels(scraped: Scraped) -> None:
    for family in FAMILIES:
        assert scraped.types[family.name.removesuffix("_total")] == family.kind
        sample = family.name + ("_count" if family.kind is Kind.HISTOGRAM else "")
        assert scraped.labels()[sample] == set(family.labels)


@pytest.mark.parametrize(("where", "text"), EXPRESSIONS)
def test_alerts_and_dashboard_are_about_metrics_and_labels_that_are_shown(
    scraped: Scraped, where: str, text: str
) -> None:
    query, shown, labels = Query(text), scraped.labels(), set[str]()
    for selector in query.selectors():
        own = shown[selector.name] | TARGET
        assert {name for name, _, _ in selector.matchers} <= own
        labels |= own
    assert labels
    assert query.groupings() <= labels


def test_nobody_is_named(measured: MeasuredStack, scraped: Scraped) -> None:
    names = (APP, GRANT, HOST, OUTSIDE, ACCOUNT_USER, "cim-a", "127.0.0.1", "lab.example")
    assert [name for name in names if name in scraped.text] == []


def test_a_degraded_process_shows_its_codes(measured: MeasuredStack) -> None:
    stack = measured.stack
    stack.lab.control.change_password(ACCOUNT_USER, "another-password-1")
    stack.lab.control.kill_sessions(ACCOUNT_USER)
    stack.refusal(HOST)
    until(lambda: measured.scrape().value("broker_degraded", code="login_latched") == 1, "the code")
    latched = measured.scrape()
    assert latched.value("broker_vcenter_sessions", vcenter="lab") == 0
    login = {"vcenter": "lab", "method": "Login", "result": "fault"}
    assert latched.value("broker_vcenter_calls_total", **login) == 1
