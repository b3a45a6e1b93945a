"""A log-in whose answer is lost may have been a failure, and five of them lock the account."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyVmomi import vim, vmodl

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.policy import Vcenter
from broker.model.principals import canonical_user
from broker.store.database import Database
from broker.store.latches import StoredLatches
from broker.vsphere.connection import Link
from broker.vsphere.faults import NotSent
from broker.vsphere.sessions import Session
from broker.vsphere.unanswered import FIRST_WAIT_S, WAIT_S, UnansweredLogins
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, failing
from tests.support.log_keys import LOG_KEYS
from tests.support.scripted_vcenter import USER as KNOWN_AS
from tests.support.scripted_vcenter import ScriptedVcenter, drop, fault
from tests.support.vcenter_entries import PROD, USER, reader_of, secret_file
from tests.vsphere.conftest import OpenSession

LOCK_WINDOW_S = 180
MOST_LOST = 2
"""Of the five failures that lock an account, in any such window, by all processes together."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def database(tmp_path: Path, clock: HandClock) -> Iterator[Database]:
    database = Database.open(tmp_path / "store.db", clock, LOG_KEYS)
    yield database
    database.close()


@pytest.fixture
def start(
    open_session: OpenSession, database: Database, tmp_path: Path, clock: HandClock
) -> Iterator[Callable[..., Session]]:
    """A session as each process on the store has one: all that they share is the store."""
    opened: list[Database] = []

    def start(**parts: object) -> Session:
        opened.append(Database.open(tmp_path / "store.db", clock, LOG_KEYS))
        return open_session(clock=clock, latch=StoredLatches(opened[-1]), **parts)

    yield start
    for each in opened:
        each.close()


Start = Callable[..., Session]


def who(link: Link) -> str:
    return link.user_name


def refusal_of(session: Session) -> Refused:
    with pytest.raises(Refused) as refusal:
        session.run(who)
    return refusal.value


def test_processes_that_lose_every_answer_do_not_lock_the_account(
    scripted: ScriptedVcenter, start: Start, clock: HandClock
) -> None:
    tried = list[float]()
    sessions = [start(), start(), start()]

    def lost(request: str) -> object:
        tried.append(clock.monotonic())
        return drop(request)

    scripted.answers["Login"] = lost
    for _ in range(4 * LOCK_WINDOW_S // 4):
        for session in sessions:
            assert refusal_of(session).reason is Reason.VCENTER_UNAVAILABLE
        clock.advance(4)
    windows = [[at for at in tried if begin <= at < begin + LOCK_WINDOW_S] for begin in tried]
    assert len(tried) > 2 * MOST_LOST
    assert max(map(len, windows)) == MOST_LOST


def test_an_answer_lost_by_one_process_makes_the_next_one_wait(
    scripted: ScriptedVcenter, start: Start, clock: HandClock
) -> None:
    usual, scripted.answers["Login"] = scripted.answers["Login"], drop
    refusal_of(start())
    scripted.answers["Login"] = usual
    successor = start()
    clock.advance(FIRST_WAIT_S - 1)
    assert "1 in a row: waiting" in refusal_of(successor).detail
    assert scripted.calls.count("Login") == 1
    clock.advance(1)
    assert successor.run(who) == KNOWN_AS


def test_a_log_in_that_is_taken_ends_the_row(
    scripted: ScriptedVcenter, start: Start, clock: HandClock
) -> None:
    usual, scripted.answers["Login"] = scripted.answers["Login"], drop
    refusal_of(start())
    clock.advance(FIRST_WAIT_S)
    scripted.answers["Login"] = usual
    start().run(who)
    scripted.answers["Login"] = drop
    refusal_of(start())
    scripted.answers["Login"] = usual
    clock.advance(FIRST_WAIT_S)
    assert start().run(who) == KNOWN_AS


def test_the_second_wait_in_a_row_is_longer(
    scripted: ScriptedVcenter, start: Start, clock: HandClock
) -> None:
    session = start()
    scripted.answers["Login"] = drop
    refusal_of(session)
    clock.advance(FIRST_WAIT_S)
    refusal_of(session)
    clock.advance(WAIT_S - 1)
    assert "2 in a row" in refusal_of(session).detail
    assert scripted.calls.count("Login") == 2


def test_a_fault_that_says_nothing_of_the_password_neither_counts_nor_ends_the_row(
    scripted: ScriptedVcenter, start: Start, clock: HandClock
) -> None:
    session = start()
    scripted.answers["Login"] = drop
    refusal_of(session)
    clock.advance(FIRST_WAIT_S)
    scripted.answers["Login"] = fault(vmodl.fault.SystemError(reason=""))
    assert refusal_of(session).reason is Reason.VCENTER_FAULT
    clock.advance(2)
    scripted.answers["Login"] = drop
    refusal_of(session)
    clock.advance(2)
    assert "2 in a row: waiting" in refusal_of(session).detail


def test_a_log_in_that_never_left_does_not_count(entry: Vcenter, database: Database) -> None:
    latches = StoredLatches(database)
    unanswered = UnansweredLogins(entry, USER, latches, database.clock)

    def never_left() -> None:
        with unanswered.one_more("digest"):
            assert latches.unanswered(PROD, USER, "digest") is not None
            raise NotSent(Reason.VCENTER_UNAVAILABLE)

    with pytest.raises(NotSent):
        never_left()
    assert latches.unanswered(PROD, USER, "digest") is None


def test_a_changed_secret_waits_for_nothing(
    scripted: ScriptedVcenter, start: Start, clock: HandClock, tmp_path: Path
) -> None:
    file = secret_file(tmp_path)
    session = start(secret=reader_of(file))
    usual, scripted.answers["Login"] = scripted.answers["Login"], drop
    refusal_of(session)
    scripted.answers["Login"] = usual
    clock.advance(2)
    file.path.write_text("another-Pa55word-canary\n")
    assert session.run(who) == KNOWN_AS


def test_a_wrong_password_found_out_after_the_wait_closes_the_latch_and_ends_the_row(
    scripted: ScriptedVcenter, start: Start, clock: HandClock, database: Database
) -> None:
    session, latches = start(), StoredLatches(database)
    scripted.answers["Login"] = drop
    refusal_of(session)
    scripted.answers["Login"] = fault(vim.fault.InvalidLogin())
    clock.advance(FIRST_WAIT_S)
    assert refusal_of(session).reason is Reason.LOGIN_LATCHED
    assert latches.retry(PROD, canonical_user(USER), "alice") == 1


def test_an_operator_ends_the_wait(
    scripted: ScriptedVcenter, start: Start, clock: HandClock, database: Database
) -> None:
    usual, scripted.answers["Login"] = scripted.answers["Login"], drop
    session = start()
    refusal_of(session)
    scripted.answers["Login"] = usual
    assert StoredLatches(database).retry(PROD, canonical_user(USER), "alice") == 1
    clock.advance(2)
    assert session.run(who) == KNOWN_AS


def test_a_clock_set_back_makes_nobody_wait_longer_than_once_more(
    scripted: ScriptedVcenter, start: Start, clock: HandClock
) -> None:
    usual, scripted.answers["Login"] = scripted.answers["Login"], drop
    session = start()
    refusal_of(session)
    scripted.answers["Login"] = usual
    clock.correct(-24 * 3600)
    clock.advance(2)
    assert "waiting" in refusal_of(session).detail
    clock.advance(FIRST_WAIT_S - 1)
    assert "waiting" in refusal_of(session).detail
    clock.advance(1)
    assert session.run(who) == KNOWN_AS


def test_a_clock_set_forward_costs_one_try(scripted: ScriptedVcenter, start: Start, clock: HandClock) -> None:
    scripted.answers["Login"] = drop
    session = start()
    refusal_of(session)
    clock.correct(24 * 3600)
    clock.advance(2)
    refusal_of(session)
    clock.advance(2)
    assert "2 in a row: waiting" in refusal_of(session).detail
    assert scripted.calls.count("Login") == 2


def test_a_log_in_that_the_store_does_not_take_down_is_not_tried(
    scripted: ScriptedVcenter, open_session: OpenSession, database: Database, clock: HandClock
) -> None:
    session = open_session(clock=clock, latch=StoredLatches(database))
    with failing(database, "INSERT INTO unanswered_login", NOT_PERSISTED), pytest.raises(LogUnavailable):
        session.run(who)
    assert "Login" not in scripted.calls
    assert session.run(who) == KNOWN_AS


def test_a_lost_answer_that_the_store_does_not_take_down_was_on_record_before(
    scripted: ScriptedVcenter, open_session: OpenSession, start: Start, database: Database, clock: HandClock
) -> None:
    def lost(request: str) -> object:
        database.close()
        return drop(request)

    scripted.answers["Login"] = lost
    interrupted = open_session(clock=clock, latch=StoredLatches(database))
    assert refusal_of(interrupted).reason is Reason.VCENTER_UNAVAILABLE
    scripted.answers["Login"] = drop
    refusal_of(start())
    assert "2 in a row: waiting" in refusal_of(start()).detail
