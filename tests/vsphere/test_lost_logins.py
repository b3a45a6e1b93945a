"""A log-in whose answer is lost may have been a failure, and five of them lock the account."""

from pathlib import Path

import pytest
from pyVmomi import vim

from broker.errors import Reason, Refused
from broker.vsphere.connection import Link
from broker.vsphere.lost_logins import FIRST_WAIT_S, WAIT_S
from broker.vsphere.sessions import Session
from tests.support.clock import HandClock
from tests.support.scripted_vcenter import USER as KNOWN_AS
from tests.support.scripted_vcenter import ScriptedVcenter, drop, fault
from tests.support.vcenter_entries import MemoryLatch, reader_of, secret_file
from tests.vsphere.conftest import OpenSession

LOCKED_AFTER = 5
LOCK_WINDOW_S = 180


def who(link: Link) -> str:
    return link.user_name


def refusal_of(session: Session) -> Refused:
    with pytest.raises(Refused) as refusal:
        session.run(who)
    return refusal.value


def test_two_processes_that_lose_every_answer_do_not_lock_the_account(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    clock, tried = HandClock(), list[float]()
    sessions = [open_session(clock=clock), open_session(clock=clock)]

    def lost(request: str) -> object:
        tried.append(clock.monotonic())
        return drop(request)

    scripted.answers["Login"] = lost
    for _ in range(4 * LOCK_WINDOW_S // 2):
        for session in sessions:
            assert refusal_of(session).reason is Reason.VCENTER_UNAVAILABLE
        clock.advance(2)
    assert len(tried) > LOCKED_AFTER
    windows = [[at for at in tried if start <= at < start + LOCK_WINDOW_S] for start in tried]
    assert max(map(len, windows)) < LOCKED_AFTER


def test_a_log_in_after_the_wait_succeeds_and_ends_the_waiting(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    clock = HandClock()
    session = open_session(clock=clock)
    usual, scripted.answers["Login"] = scripted.answers["Login"], drop
    refusal_of(session)
    scripted.answers["Login"] = usual
    clock.advance(FIRST_WAIT_S - 1)
    assert "waiting" in refusal_of(session).detail
    clock.advance(1)
    assert session.run(who) == KNOWN_AS
    scripted.answers["DestroyView"] = fault(vim.fault.NotAuthenticated())
    scripted.answers["Login"] = drop
    with pytest.raises(Refused):
        session.run(lambda link: vim.view.View("view", link.stub).DestroyView())
    scripted.answers["Login"] = usual
    clock.advance(FIRST_WAIT_S)
    assert session.run(who) == KNOWN_AS


def test_the_second_wait_in_a_row_is_longer(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    clock = HandClock()
    session = open_session(clock=clock)
    scripted.answers["Login"] = drop
    refusal_of(session)
    clock.advance(FIRST_WAIT_S)
    refusal_of(session)
    clock.advance(WAIT_S - 1)
    assert "2 in a row" in refusal_of(session).detail
    assert scripted.calls.count("Login") == 2


def test_a_changed_secret_waits_for_nothing(
    scripted: ScriptedVcenter, open_session: OpenSession, tmp_path: Path
) -> None:
    clock, file = HandClock(), secret_file(tmp_path)
    session = open_session(secret=reader_of(file), clock=clock)
    usual, scripted.answers["Login"] = scripted.answers["Login"], drop
    refusal_of(session)
    scripted.answers["Login"] = usual
    clock.advance(2)
    file.path.write_text("another-Pa55word-canary\n")
    assert session.run(who) == KNOWN_AS


def test_a_wrong_password_found_out_after_the_wait_closes_the_latch(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    clock, latch = HandClock(), MemoryLatch()
    session = open_session(clock=clock, latch=latch)
    scripted.answers["Login"] = drop
    refusal_of(session)
    scripted.answers["Login"] = fault(vim.fault.InvalidLogin())
    clock.advance(FIRST_WAIT_S)
    assert refusal_of(session).reason is Reason.LOGIN_LATCHED
    assert latch.shut
