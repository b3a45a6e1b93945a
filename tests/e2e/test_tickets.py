"""A monitoring app gets a ticket over the real wire, and reads sensors with it."""

import subprocess
from pathlib import Path

import pytest

from broker.client.cim import cim_connection, sensors
from broker.client.errors import BrokerRefused, CimFailed
from tests.support.stack import HOST, OUTSIDE, Stack, until
from tests.support.tools import require_tool


def test_a_ticket_opens_cim_on_its_host_and_stands_in_the_log(stack: Stack) -> None:
    with stack.client() as client:
        ticket = client.ticket(HOST)
        with cim_connection(ticket, HOST) as connection:
            assert sensors(connection)
        assert client.issuance(ticket.issuance)["state"] == "issued"
    events = [r["event"] for r in stack.records() if r["fields"].get("issuance") == ticket.issuance]
    assert events == ["ticket_intent", "ticket_issued"]


def test_a_ticket_works_with_wbemcli(stack: Stack, tmp_path: Path) -> None:
    wbemcli = require_tool("wbemcli")
    with stack.client() as client:
        ticket = client.ticket(HOST)
    pem = tmp_path / "host.pem"
    pem.write_text(ticket.certificate_pem)
    secret = ticket.session_id.reveal()
    url = f"https://{secret}:{secret}@{ticket.address}:{ticket.port}/root/cimv2:CIM_Chassis"
    done = subprocess.run(
        [str(wbemcli), "-cacert", str(pem), "ei", url], capture_output=True, text=True, check=False
    )
    assert "CIM_Chassis" in done.stdout or "OMC_Chassis" in done.stdout, done.stderr


def test_no_host_and_not_your_host_are_refused_in_the_same_words(stack: Stack) -> None:
    refusals = [stack.refusal(host) for host in (OUTSIDE, "no-such-host.example.com")]
    assert {(r.status, r.code, r.title, r.advice) for r in refusals} == {
        (403, "not_granted", refusals[0].title, refusals[0].advice)
    }


def test_a_dry_run_takes_no_ticket(stack: Stack) -> None:
    minted = stack.lab.control.tickets_minted()
    with stack.client() as client:
        assert client.ticket(HOST, dry_run=True).grant == "monitoring-cluster-01"
    assert stack.lab.control.tickets_minted() == minted
    assert stack.events()[-1] == "dry_run_allowed"


def test_a_repeated_key_makes_the_next_attempt_of_one_issuance(stack: Stack) -> None:
    with stack.client() as client:
        first = client.ticket(HOST, idempotency_key="poll-1")
        second = client.ticket(HOST, idempotency_key="poll-1")
    assert second.issuance == first.issuance
    assert second.session_id != first.session_id


@pytest.mark.parametrize(
    ("knob", "undo", "code"),
    [
        (lambda c: c.disconnect_host(HOST), lambda c: c.reconnect_host(HOST), "host_disconnected"),
        (
            lambda c: c.set_version(HOST, "9.0.0"),
            lambda c: c.set_version(HOST, "8.0.3"),
            "host_version_unsupported",
        ),
    ],
)
def test_a_host_on_which_no_ticket_works_is_refused_until_it_is_back(
    stack: Stack, knob: object, undo: object, code: str
) -> None:
    assert callable(knob)
    assert callable(undo)
    knob(stack.lab.control)
    try:
        until(lambda: _code(stack) == code, code)
    finally:
        undo(stack.lab.control)
    until(lambda: _code(stack) == "", "the host")


def _code(stack: Stack, *, dry_run: bool = True) -> str:
    with stack.client() as client:
        try:
            client.ticket(HOST, dry_run=dry_run)
        except BrokerRefused as refused:
            return refused.code
    return ""


def test_a_killed_session_costs_no_ticket(stack: Stack) -> None:
    stack.lab.control.kill_sessions("svc-cim-a@vsphere.local")
    with stack.client() as client:
        assert client.ticket(HOST).account == "cim-a"


def test_a_renewed_host_certificate_is_never_mixed_up_with_the_old_one(stack: Stack) -> None:
    with stack.client() as client:
        client.ticket(HOST)
        stack.lab.control.change_certificate(HOST)
        ticket = client.ticket(HOST)
        with cim_connection(ticket, HOST) as connection:
            assert sensors(connection)


def test_a_ticket_is_dead_after_two_minutes(stack: Stack) -> None:
    with stack.client() as client:
        ticket = client.ticket(HOST)
    stack.lab.control.advance_clock(121)
    with pytest.raises(CimFailed), cim_connection(ticket, HOST) as connection:
        sensors(connection)


def test_an_app_lists_the_hosts_it_may_have_tickets_for_and_no_other(stack: Stack) -> None:
    with stack.client() as client:
        until(lambda: not client.hosts().incomplete, "the inventory")
        page = client.hosts()
    assert [(item["name"], item["grant"], item["reason"]) for item in page.items] == [
        ("esx0001.lab.example", "monitoring-cluster-01", None),
        ("esx0002.lab.example", "monitoring-cluster-01", None),
    ]
