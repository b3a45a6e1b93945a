"""One session per account: made once, kept, made again when vCenter forgot it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pyVmomi import vim, vmodl

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.names import VcenterId
from broker.model.policy import Vcenter
from broker.model.secret import Secret, SecretFile
from broker.vsphere.connection import Link
from broker.vsphere.gate import Patience
from tests.support.clock import HandClock
from tests.support.scripted_vcenter import USER as KNOWN_AS
from tests.support.scripted_vcenter import ScriptedVcenter, fault, fixed, shown
from tests.support.vcenter_entries import (
    PASSWORD,
    MemoryLatch,
    gate_of,
    reader_of,
    secret_file,
    until,
    vcenter_entry,
)
from tests.vsphere.conftest import OpenSession


def nothing(_link: Link) -> None:
    """Work that asks vCenter nothing more."""


def test_all_threads_share_one_log_in(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    session = open_session()
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: session.run(lambda link: link.user_name), range(16)))
    assert set(names) == {KNOWN_AS}
    assert scripted.calls.count("Login") == 1


def test_the_broker_says_who_it_is(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    open_session().run(nothing)
    assert all(agent.startswith("cim-ticket-broker/") for agent in scripted.agents)


def test_closing_logs_out_and_refuses_what_comes_after(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    session = open_session()
    session.run(nothing)
    session.close()
    assert scripted.calls[-1] == "Logout"
    with pytest.raises(Refused) as refusal:
        session.run(nothing)
    assert refusal.value.reason is Reason.SHUTTING_DOWN


def test_closing_ends_a_call_that_waits(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    session = open_session(vcenter_entry(scripted.host, scripted.port, scripted.anchor, call_s=60.0))
    waiting = threading.Event()

    def hold(request: str) -> object:
        waiting.set()
        return scripted.hold(request)

    scripted.answers["DestroyView"] = hold
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(session.wait, destroy_view)
        assert waiting.wait(5)
        session.close()
        with pytest.raises(Refused) as refusal:
            call.result(5)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE


def destroy_view(link: Link) -> None:
    vim.view.View("view", link.stub).DestroyView()


def test_a_connection_that_is_being_made_when_the_session_is_closed_ends_with_it(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    session = open_session()
    session.run(nothing)
    scripted.hang_up()

    def close_meanwhile() -> None:
        scripted.greet = lambda: None  # logging out takes a connection, too
        session.close()

    scripted.greet = close_meanwhile
    with pytest.raises(Refused) as refusal:
        session.wait(destroy_view)
    assert refusal.value.reason is Reason.SHUTTING_DOWN
    assert scripted.calls[-1] == "Logout"


def test_a_refused_password_is_tried_once_until_the_file_changes(
    scripted: ScriptedVcenter, open_session: OpenSession, tmp_path: Path
) -> None:
    clock, latch, file = HandClock(), MemoryLatch(), secret_file(tmp_path)
    usual, scripted.answers["Login"] = scripted.answers["Login"], fault(vim.fault.InvalidLogin())
    session = open_session(secret=reader_of(file), latch=latch, clock=clock)
    for _ in range(4):
        with pytest.raises(Refused) as refusal:
            session.run(nothing)
        assert refusal.value.reason is Reason.LOGIN_LATCHED
        clock.advance(5)
    assert scripted.calls.count("Login") == 1
    assert len(latch.shut) == 1
    file.path.write_text("another-Pa55word-canary\n")
    scripted.answers["Login"] = usual
    assert session.run(lambda link: link.user_name) == KNOWN_AS
    assert session.trouble is None
    assert not latch.shut


def test_a_latch_closed_by_another_process_holds_here(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    latch, clock = MemoryLatch(), HandClock()
    scripted.answers["Login"] = fault(vim.fault.InvalidLogin())
    with pytest.raises(Refused):
        open_session(latch=latch).run(nothing)
    with pytest.raises(Refused) as refusal:
        open_session(latch=latch, clock=clock).run(nothing)
    assert refusal.value.reason is Reason.LOGIN_LATCHED
    assert scripted.calls.count("Login") == 1


def test_an_operator_opens_the_latch(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    latch, clock = MemoryLatch(), HandClock()
    usual, scripted.answers["Login"] = scripted.answers["Login"], fault(vim.fault.InvalidLogin())
    session = open_session(latch=latch, clock=clock)
    with pytest.raises(Refused):
        session.run(nothing)
    latch.shut.clear()
    scripted.answers["Login"] = usual
    clock.advance(2)
    session.run(nothing)
    assert scripted.calls.count("Login") == 2


def test_the_digest_in_the_latch_differs_by_vcenter_and_user_for_one_password(
    scripted: ScriptedVcenter, open_session: OpenSession, entry: Vcenter
) -> None:
    latch = MemoryLatch()
    scripted.answers["Login"] = fault(vim.fault.InvalidLogin())
    for user in ("a", "b"):
        with pytest.raises(Refused):
            open_session(user=user, latch=latch).run(nothing)
    digests = {digest for _, _, digest in latch.shut}
    assert len(digests) == 2
    assert all(PASSWORD not in digest for digest in digests)


@pytest.mark.parametrize("spelling", ["CIM-A@VSPHERE.LOCAL", r"VSPHERE.LOCAL\cim-a", r"vsphere.local\CIM-A"])
def test_another_spelling_of_the_user_meets_the_same_latch(
    scripted: ScriptedVcenter, open_session: OpenSession, spelling: str
) -> None:
    latch = MemoryLatch()
    scripted.answers["Login"] = fault(vim.fault.InvalidLogin())
    for user in ("cim-a@vsphere.local", spelling):
        with pytest.raises(Refused) as refusal:
            open_session(user=user, latch=latch).run(nothing)
        assert refusal.value.reason is Reason.LOGIN_LATCHED
    assert scripted.calls.count("Login") == 1
    assert {user for _, user, _ in latch.shut} == {r"vsphere.local\cim-a"}


class BrokenLatch(MemoryLatch):
    """The store takes no record while it is full."""

    full = True

    def close(self, vcenter: VcenterId, user: str, secret_digest: str) -> None:
        if self.full:
            raise LogUnavailable("disk full")
        super().close(vcenter, user, secret_digest)


def test_a_refused_password_is_not_tried_again_though_the_store_takes_nothing(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    session = open_session(latch=BrokenLatch())
    scripted.answers["Login"] = fault(vim.fault.InvalidLogin())
    with pytest.raises(LogUnavailable):
        session.run(nothing)
    with pytest.raises(Refused) as refusal:
        session.run(nothing)
    assert refusal.value.reason is Reason.LOGIN_LATCHED
    assert scripted.calls.count("Login") == 1


def test_a_store_that_cannot_forget_a_latch_stops_no_log_in(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    class FullLatch(MemoryLatch):
        def clear(self, vcenter: VcenterId, user: str) -> None:
            raise LogUnavailable("disk full")

    assert open_session(latch=FullLatch()).run(lambda link: link.user_name) == KNOWN_AS


def test_a_refusal_that_the_store_did_not_take_reaches_it_later_and_an_operator_opens_it(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    latch, clock = BrokenLatch(), HandClock()
    session = open_session(latch=latch, clock=clock)
    usual, scripted.answers["Login"] = scripted.answers["Login"], fault(vim.fault.InvalidLogin())
    with pytest.raises(LogUnavailable):
        session.run(nothing)
    latch.full, scripted.answers["Login"] = False, usual
    with pytest.raises(Refused) as refusal:
        session.run(nothing)
    assert (refusal.value.reason, len(latch.shut)) == (Reason.LOGIN_LATCHED, 1)
    latch.shut.clear()
    clock.advance(2)
    session.run(nothing)
    assert scripted.calls.count("Login") == 2


def test_an_expired_password_closes_the_latch_too(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    latch = MemoryLatch()
    scripted.answers["Login"] = fault(vim.fault.PasswordExpired())
    with pytest.raises(Refused) as refusal:
        open_session(latch=latch).run(nothing)
    assert refusal.value.reason is Reason.LOGIN_LATCHED
    assert "PasswordExpired" in refusal.value.detail
    assert latch.shut


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (vim.fault.NoPermission(), Reason.NOT_APPLIED),
        (vmodl.fault.SystemError(reason="canary"), Reason.VCENTER_FAULT),
    ],
    ids=["no permission anywhere", "vCenter's own trouble"],
)
def test_what_is_not_about_the_password_leaves_the_latch_open(
    scripted: ScriptedVcenter, open_session: OpenSession, error: Exception, reason: Reason
) -> None:
    latch, clock = MemoryLatch(), HandClock()
    scripted.answers["Login"] = fault(error)
    session = open_session(latch=latch, clock=clock)
    with pytest.raises(Refused) as refusal:
        session.run(nothing)
    assert (refusal.value.reason, session.trouble) == (reason, reason)
    assert not latch.shut


def test_a_log_in_that_failed_is_not_repeated_at_once(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    clock = HandClock()
    session = open_session(clock=clock)
    usual, scripted.answers["Login"] = scripted.answers["Login"], fault(vmodl.fault.SystemError(reason=""))
    for _ in range(3):
        with pytest.raises(Refused):
            session.run(nothing)
    assert scripted.calls.count("Login") == 1
    scripted.answers["Login"] = usual
    clock.advance(2)
    session.run(nothing)
    assert session.logged_in


def test_a_secret_that_cannot_be_read_asks_vcenter_nothing(
    scripted: ScriptedVcenter, open_session: OpenSession, tmp_path: Path
) -> None:
    session = open_session(secret=reader_of(SecretFile(tmp_path / "nowhere")))
    with pytest.raises(Refused) as refusal:
        session.run(nothing)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert "nowhere" in refusal.value.detail
    assert scripted.calls == []


def test_a_session_without_a_user_is_none(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    scripted.answers["RetrievePropertiesEx"] = fixed(shown(vim.SessionManager("SessionManager"), {}))
    with pytest.raises(Refused) as refusal:
        open_session().run(nothing)
    assert refusal.value.reason is Reason.VCENTER_FAULT


def test_a_log_in_that_fails_after_it_was_taken_leaves_no_session_behind(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    scripted.answers["RetrievePropertiesEx"] = fault(vmodl.fault.SystemError(reason="canary"))
    with pytest.raises(Refused) as refusal:
        open_session().run(nothing)
    assert refusal.value.reason is Reason.VCENTER_FAULT
    assert (scripted.calls.count("Login"), scripted.calls[-1]) == (1, "Logout")


def test_a_changed_secret_is_used_at_the_next_log_in(
    scripted: ScriptedVcenter, open_session: OpenSession, tmp_path: Path
) -> None:
    file = secret_file(tmp_path)
    session = open_session(secret=reader_of(file))
    session.run(nothing)
    file.path.write_text("second-Pa55word\n")
    forgotten = [vim.fault.NotAuthenticated()]

    def once_forgotten(_request: str) -> None:
        if forgotten:
            raise forgotten.pop()

    scripted.answers["DestroyView"] = once_forgotten
    session.run(destroy_view)
    logins = [r for r, name in zip(scripted.requests, scripted.calls, strict=True) if name == "Login"]
    assert [PASSWORD in logins[0], "second-Pa55word" in logins[1]] == [True, True]


def test_a_full_vcenter_refuses_instead_of_holding_threads(
    scripted: ScriptedVcenter, open_session: OpenSession, entry: Vcenter
) -> None:
    gate = gate_of(replace(entry, concurrency=1), Patience(whole_s=0.05))
    session = open_session(gate=gate)
    session.run(nothing)
    with gate.place(), pytest.raises(Refused) as refusal:
        session.run(nothing)
    assert refusal.value.reason is Reason.VCENTER_BUSY
    session.run(nothing)


def test_the_long_wait_takes_no_place(open_session: OpenSession, entry: Vcenter) -> None:
    gate = gate_of(replace(entry, concurrency=1), Patience(whole_s=0.05))
    session = open_session(gate=gate)
    session.run(nothing)
    with gate.place():
        session.wait(nothing)


def test_closing_lets_a_call_that_runs_finish(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    session = open_session()
    session.run(nothing)
    running, go = threading.Event(), threading.Event()

    def slow(_request: str) -> None:
        running.set()
        assert go.wait(10)

    scripted.answers["DestroyView"] = slow
    with ThreadPoolExecutor(2) as pool:
        call = pool.submit(session.run, destroy_view)
        assert running.wait(5)
        closing = pool.submit(session.close)
        until(lambda: session._closed)
        go.set()
        assert call.result(5) is None
        closing.result(5)
    assert scripted.calls[-1] == "Logout"


def test_a_session_closed_while_it_logs_in_is_logged_out(
    scripted: ScriptedVcenter, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.vsphere.sessions.DRAIN_S", 0.0)
    session = open_session(secret=lambda: Secret(PASSWORD))
    usual = scripted.answers["Login"]

    def closing(request: str) -> object:
        session.close()
        return usual(request)

    scripted.answers["Login"] = closing
    with pytest.raises(Refused) as refusal:
        session.run(nothing)
    assert refusal.value.reason is Reason.SHUTTING_DOWN
    assert scripted.calls[-1] == "Logout"
