"""Several processes on one store log the same account in: five failures lock it, whosoever they are."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from pyVmomi import vim

from broker.clock import SystemClock
from broker.errors import Reason, Refused
from broker.lab.options import ACCOUNTS, CONTROLLER
from broker.lab.process import Lab
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from broker.store.database import Database
from broker.store.latches import StoredLatches
from broker.vsphere.connection import Link
from broker.vsphere.sessions import Session
from tests.support.lab import logged_in, small_lab
from tests.support.log_keys import LOG_KEYS
from tests.support.vcenter_entries import secret_file, session_on, until, vcenter_entry

ROOT = Path(__file__).parents[2]
WITHOUT_PERMISSIONS = ACCOUNTS[1]
WORKERS = 6
"""One more than the failures that lock an account."""
LONG_S = 30.0

Child = subprocess.Popen[str]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("lab"), cim_hosts=0) as lab:
        yield lab


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def processes(lab: Lab, store: Path) -> Iterator[Callable[[SecretFile], Child]]:
    """Starts processes that are about to log the controller's account in."""
    with ExitStack() as started:

        def start(password: SecretFile) -> Child:
            where = (lab.vcenter_host, str(lab.vcenter_port), str(lab.ca_file))
            command = [sys.executable, "-m", "tests.support.login_child", str(store), *where, CONTROLLER]
            child = subprocess.Popen(
                [*command, str(password.path)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.enter_context(child)
            started.callback(child.kill)
            return child

        yield start


@pytest.fixture
def database(store: Path) -> Iterator[Database]:
    database = Database.open(store, SystemClock(), LOG_KEYS)
    yield database
    database.close()


@pytest.fixture
def session(lab: Lab, database: Database) -> Iterator[Callable[[str], Session]]:
    """A session of this process, which is one more on the store."""
    with ExitStack() as opened:

        def open_session(user: str) -> Session:
            vcenter = vcenter_entry(lab.vcenter_host, lab.vcenter_port, lab.ca_file)
            secret = partial(read_secret, right(lab, user))
            session = session_on(vcenter, user=user, secret=secret, latch=StoredLatches(database))
            opened.callback(session.close)
            return session

        yield open_session


@pytest.fixture
def hold(lab: Lab, processes: Callable[[SecretFile], Child]) -> Iterator[Callable[[], Child]]:
    """Starts processes that are in the middle of a log-in."""

    def start() -> Child:
        child, before = processes(right(lab, CONTROLLER)), log_ins(lab)
        lab.control.set_latency("Login", LONG_S)
        go([child])
        until(lambda: log_ins(lab) == before + 1)
        lab.control.set_latency("Login", 0)
        return child

    yield start
    lab.control.set_latency("Login", 0)


def right(lab: Lab, user: str) -> SecretFile:
    return SecretFile(lab.password_file(user))


def log_ins(lab: Lab) -> int:
    return lab.control.calls().get("Login", 0)


def said(child: Child) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def go(children: Sequence[Child]) -> None:
    """Let them log in at the same moment."""
    assert [said(child) for child in children] == ["ready"] * len(children)
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()


def who(link: Link) -> str:
    return link.user_name


def refusal_of(session: Session) -> Refused:
    with pytest.raises(Refused) as refusal:
        session.run(who)
    return refusal.value


def test_processes_that_log_in_at_once_try_a_wrong_password_once(
    lab: Lab, processes: Callable[[SecretFile], Child], tmp_path: Path
) -> None:
    wrong, before = secret_file(tmp_path), log_ins(lab)
    children = [processes(wrong) for _ in range(WORKERS)]
    go(children)
    assert [said(child) for child in children] == ["login_latched"] * WORKERS
    assert log_ins(lab) == before + 1
    with logged_in(lab, CONTROLLER) as content:
        assert isinstance(content.sessionManager, vim.SessionManager)


def test_processes_that_log_in_at_once_with_the_right_password_all_come_in(
    lab: Lab, processes: Callable[[SecretFile], Child]
) -> None:
    children = [processes(right(lab, CONTROLLER)) for _ in range(2)]
    go(children)
    assert [said(child) for child in children] == ["in"] * 2


def test_a_log_in_of_another_process_is_waited_for_and_not_for_ever(
    lab: Lab, hold: Callable[[], Child], session: Callable[[str], Session]
) -> None:
    hold()
    before = log_ins(lab)
    held_up = session(CONTROLLER)
    assert refusal_of(held_up).reason is Reason.VCENTER_BUSY
    assert (log_ins(lab), held_up.trouble) == (before, None)


def test_a_log_in_of_another_account_is_not_waited_for(
    lab: Lab, hold: Callable[[], Child], session: Callable[[str], Session]
) -> None:
    hold()
    assert refusal_of(session(WITHOUT_PERMISSIONS)).reason is Reason.NOT_APPLIED


def test_a_process_killed_at_its_log_in_keeps_nobody_out(
    hold: Callable[[], Child], session: Callable[[str], Session]
) -> None:
    hold().kill()
    assert session(CONTROLLER).run(who) == r"VSPHERE.LOCAL\broker-controller"


def test_a_second_process_killed_at_its_log_in_makes_the_next_one_wait(
    lab: Lab, hold: Callable[[], Child], session: Callable[[str], Session]
) -> None:
    for _ in range(2):
        child = hold()
        child.kill()
        child.wait()
    before = log_ins(lab)
    refused = refusal_of(session(CONTROLLER))
    assert refused.reason is Reason.VCENTER_UNAVAILABLE
    assert "2 in a row: waiting" in refused.detail
    assert log_ins(lab) == before
