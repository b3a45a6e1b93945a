"""What happens to the running product when something breaks: it refuses, records, and comes back."""

import signal
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from broker.audit.orphans import OrphanRule
from broker.client.api import BrokerClient
from broker.client.errors import BrokerRefused, ClientError
from broker.store.database import Database
from tests.support.clock import HandClock
from tests.support.lab import logged_in
from tests.support.log_keys import LOG_KEYS
from tests.support.stack import HOST, Stack, end, kill_all, until

ACCOUNT = "svc-cim-a@vsphere.local"
MINT = "AcquireCimServicesTicket"


def outcomes(stack: Stack) -> list[tuple[str, str]]:
    """(event, reason) of every end of an attempt."""
    ends = ("ticket_issued", "ticket_refused", "ticket_failed", "ticket_unknown")
    return [(r["event"], r["fields"].get("reason", "")) for r in stack.records() if r["event"] in ends]


def test_serve_issues_without_the_privileged_credential(fresh: Stack) -> None:
    fresh.lab.password_file("broker-controller@vsphere.local").unlink()
    fresh.site.controller_file.unlink()
    fresh.serve()
    fresh.ready()
    with fresh.client() as client:
        assert client.ticket(HOST).host == HOST


def test_a_vcenter_that_is_down_at_start_is_waited_for(fresh: Stack) -> None:
    fresh.lab.control.stop_vcenter()
    fresh.serve()
    until(lambda: "vcenter_unreachable" in fresh.get("/readyz").json()["degraded"], "the finding")
    assert fresh.get("/readyz").status_code == 503
    assert fresh.refusal().status == 503
    fresh.lab.control.start_vcenter()
    fresh.ready()
    with fresh.client() as client:
        assert client.ticket(HOST).host == HOST


def test_a_process_killed_during_the_ticket_call_leaves_an_exposure_on_record(fresh: Stack) -> None:
    process = fresh.serve()
    fresh.ready()
    fresh.lab.control.set_latency(MINT, 15)
    asking = threading.Thread(target=_ask, args=(fresh,))
    asking.start()
    until(lambda: "ticket_intent" in fresh.events(), "the intent")
    kill_all(process)
    asking.join()
    assert outcomes(fresh) == []
    assert _closed_by_somebody_later(fresh) == 1
    assert outcomes(fresh) == [("ticket_unknown", "recovered_orphan")]
    intent, unknown = (r["fields"] for r in fresh.records() if r["event"].startswith("ticket_"))
    life = datetime.fromisoformat(unknown["exposure_until"]) - datetime.fromisoformat(intent["deadline"])
    assert life == timedelta(seconds=120)


def _ask(stack: Stack) -> None:
    with stack.client() as client, suppress(ClientError):
        client.ticket(HOST)


def _closed_by_somebody_later(stack: Stack) -> int:
    """What the orphan rule closes in a process that runs ten minutes from now."""
    database = Database.open(stack.store, HandClock(datetime.now(UTC) + timedelta(minutes=10)), LOG_KEYS)
    try:
        return OrphanRule(database, grace_s=30).run()
    finally:
        database.close()


def test_a_vcenter_that_answers_too_late_is_unknown_and_never_asked_twice(fresh: Stack) -> None:
    fresh.edit("vcenters.yaml", lambda v: v["vcenters"]["lab"].update(call_timeout_s=1))
    fresh.serve()
    fresh.ready()
    with fresh.client() as client:
        client.ticket(HOST)
    before = fresh.lab.control.calls()[MINT]
    fresh.lab.control.set_latency(MINT, 2)
    refused = fresh.refusal()
    assert (refused.status, refused.code) == (504, "vcenter_timeout")
    assert outcomes(fresh)[-1] == ("ticket_unknown", "vcenter_timeout")
    assert fresh.lab.control.calls()[MINT] == before + 1


def test_a_lost_answer_is_unknown_and_exposed(fresh: Stack) -> None:
    fresh.serve()
    fresh.ready()
    fresh.lab.control.set_drop(MINT, 1)
    assert fresh.refusal().status in (502, 503, 504)
    assert outcomes(fresh)[-1][0] == "ticket_unknown"
    unknown = fresh.records()[-1]["fields"]
    assert unknown["exposure_until"]
    assert fresh.lab.control.tickets_minted() == 1


def test_a_refused_password_is_tried_once_and_a_changed_one_is_picked_up(fresh: Stack) -> None:
    fresh.lab.control.change_password(ACCOUNT, "another-password-1")
    fresh.serve()
    until(lambda: "login_latched" in fresh.events(), "the latch")
    assert fresh.refusal().code == "login_latched"
    assert fresh.refusal().code == "login_latched"
    logins = [c for c in fresh.lab.control.sessions() if c["user"].endswith("svc-cim-a")]
    assert logins == []
    fresh.lab.password_file(ACCOUNT).write_text("another-password-1")
    fresh.ready()
    assert fresh.config("accounts", "latched", "--format", "json").stdout.strip() == "[]"
    with fresh.client() as client:
        assert client.ticket(HOST).host == HOST


def test_an_operator_reopens_the_log_in_of_a_running_process(fresh: Stack) -> None:
    password = fresh.lab.password_file(ACCOUNT).read_text().strip()
    fresh.lab.control.change_password(ACCOUNT, "another-password-1")
    fresh.serve()
    until(lambda: "login_latched" in fresh.events(), "the latch")
    fresh.lab.control.change_password(ACCOUNT, password)
    assert fresh.refusal().code == "login_latched"
    fresh.config("accounts", "retry", "lab", ACCOUNT.upper())
    fresh.ready()
    with fresh.client() as client:
        assert client.ticket(HOST).host == HOST


def test_sigterm_logs_out_and_ends_cleanly(fresh: Stack) -> None:
    process = fresh.serve()
    fresh.ready()
    assert any("svc-cim-a" in session["user"] for session in fresh.lab.control.sessions())
    assert end(process, signal.SIGTERM) == 0
    assert not any("svc-cim-a" in session["user"] for session in fresh.lab.control.sessions())
    assert fresh.events()[-1] == "process_stopped"


def test_an_account_that_holds_more_than_its_template_gets_no_ticket(fresh: Stack) -> None:
    fresh.serve()
    fresh.ready()
    _widen(fresh)
    with fresh.client() as client:
        until(lambda: _code(client) == "over_privileged", "the surplus", within_s=60)
    assert outcomes(fresh)[-1] == ("ticket_refused", "over_privileged")


def _code(client: BrokerClient) -> str:
    try:
        client.ticket(HOST)
    except BrokerRefused as refused:
        return refused.code
    return ""


def _widen(stack: Stack) -> None:
    """An administrator of vCenter puts one more privilege into the role."""
    with logged_in(stack.lab) as content:
        manager = content.authorizationManager
        role = next(r for r in manager.roleList if r.name == "cim-broker-cim-ticket")
        manager.UpdateAuthorizationRole(role.roleId, role.name, [*role.privilege, "Host.Config.Power"])
