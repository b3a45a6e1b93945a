"""Known secrets go through every path that can fail; none shows up in what the room says."""

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyVmomi import vim, vmodl

from broker.clock import SystemClock
from broker.errors import BrokerError
from broker.model.names import HostName
from broker.model.policy import Policy
from broker.secrets import read_secret
from broker.vsphere.gate import Gates
from broker.vsphere.service import Vsphere
from tests.support.scripted_vcenter import (
    Answer,
    ScriptedVcenter,
    Updates,
    drop,
    entered,
    fault,
    fixed,
    privileges,
    raw,
    returned,
    shown,
    user_session,
)
from tests.support.vcenter_entries import (
    ACCOUNT,
    PASSWORD,
    MemoryLatch,
    account_entry,
    host_entry,
    policy_of,
    secret_file,
    until,
    vcenter_entry,
)

CANARIES = (PASSWORD, "ticket-canary", "session-canary", "canary-in-a-fault")
HOST = host_entry("host-1")


class Here:
    """The policy, and everything that was said."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.said = io.StringIO()
        self.clock = SystemClock()

    def current(self) -> Policy:
        return self.policy

    def vsphere(self) -> Vsphere:
        """The room, whose every call is told to `called`."""
        gates = Gates(16, self.clock)
        return Vsphere(self, MemoryLatch(), self.clock, read_secret, 0.0, gates, self)

    def called(self, *told: object) -> None:
        """Keep what a meter is told, as its labels would show it."""
        self.said.write(repr(told))

    def hear(self, call: Callable[[], object]) -> None:
        """Keep what a call gives or raises, with every exception behind it, as a log would print it."""
        try:
            self.said.write(repr(call()))
        except BrokerError as error:
            self.said.write("".join(traceback.format_exception(error)))
            behind: BaseException | None = error
            while behind is not None:
                self.said.write(repr(behind))
                behind = behind.__cause__ or behind.__context__


@pytest.fixture
def here(scripted: ScriptedVcenter, tmp_path: Path) -> Iterator[Here]:
    entry = vcenter_entry(scripted.host, scripted.port, scripted.anchor, call_s=1.0)
    here = Here(policy_of(entry, account_entry(secret_file(tmp_path))))
    handler = logging.StreamHandler(here.said)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield here
    root.removeHandler(handler)
    root.setLevel(level)


def leaking(kind: type[Exception], **fields: object) -> Exception:
    text = f"canary-in-a-fault {PASSWORD} 52d1c0de-ticket-canary"
    error = kind(**fields)
    error.msg = text  # type: ignore[attr-defined]
    return error


TICKET_IN_A_FAULT = raw(
    500,
    returned(
        "AcquireCimServicesTicket",
        vim.HostServiceTicket(service="", serviceVersion="", sessionId="52d1c0de-ticket-canary"),
    ),
)
TRUNCATED = raw(
    200,
    returned(
        "AcquireCimServicesTicket",
        vim.HostServiceTicket(service="", serviceVersion="", sessionId="52d1c0de-ticket-canary"),
    )[:-40],
)

PROVED = fixed(privileges({vim.HostSystem(HOST.ref.moid): [], vim.Folder("group-d1"): []}))

BREAKS: list[tuple[str, str, Answer]] = [
    ("nothing broken", "Logout", fixed(None)),
    ("wrong password", "Login", fault(leaking(vim.fault.InvalidLogin))),
    ("log-in argument repeated", "Login", fault(leaking(vmodl.fault.InvalidArgument))),
    ("log-in answer lost", "Login", drop),
    ("log-in answered with a session that is an error", "Login", raw(500, returned("Login", user_session()))),
    ("no current session", "RetrievePropertiesEx", fixed(shown(vim.SessionManager("SessionManager"), {}))),
    ("ticket forbidden", "AcquireCimServicesTicket", fault(leaking(vim.fault.NoPermission))),
    ("ticket broken", "AcquireCimServicesTicket", fault(leaking(vmodl.fault.SystemError, reason=PASSWORD))),
    ("ticket lost", "AcquireCimServicesTicket", drop),
    ("ticket in an error", "AcquireCimServicesTicket", TICKET_IN_A_FAULT),
    ("ticket cut off", "AcquireCimServicesTicket", TRUNCATED),
    (
        "proof broken",
        "FetchUserPrivilegeOnEntities",
        fault(leaking(vmodl.fault.SystemError, reason=PASSWORD)),
    ),
    ("watch broken", "WaitForUpdatesEx", fault(leaking(vmodl.fault.SystemError, reason=PASSWORD))),
]


@pytest.mark.parametrize(("method", "answer"), [b[1:] for b in BREAKS], ids=[b[0] for b in BREAKS])
def test_no_secret_shows_in_errors_or_logs(
    scripted: ScriptedVcenter, here: Here, method: str, answer: Answer
) -> None:
    scripted.answers["WaitForUpdatesEx"] = Updates(
        entered({vim.HostSystem("host-1"): {"name": "esx01.example.com", "parent": vim.Folder("group-d1")}})
    )
    scripted.answers["FetchUserPrivilegeOnEntities"] = PROVED
    scripted.answers["FindAllByDnsName"] = fixed(None)
    scripted.answers[method] = answer
    vsphere = here.vsphere()
    vsphere.start()
    until(lambda: vsphere.states()[ACCOUNT].synced or vsphere.states()[ACCOUNT].trouble is not None)
    here.hear(lambda: vsphere.find(HostName("esx01.example.com"), {ACCOUNT}))
    here.hear(lambda: vsphere.prove(ACCOUNT, HOST))
    here.hear(lambda: vsphere.facts(ACCOUNT, HOST))
    here.hear(lambda: vsphere.acquire(ACCOUNT, HOST, "01890a5d-ac96-774b-bcce-b302099a8057", lambda: None))
    here.hear(vsphere.states)
    here.hear(lambda: vsphere)
    vsphere.close()
    said = here.said.getvalue()
    assert len(said) > 500
    assert method in scripted.calls
    assert [canary for canary in CANARIES if canary in said] == []


def test_the_secrets_do_travel(scripted: ScriptedVcenter, here: Here) -> None:
    """Or else the test above proves nothing."""
    vsphere = here.vsphere()
    scripted.answers["WaitForUpdatesEx"] = Updates()
    scripted.answers["FetchUserPrivilegeOnEntities"] = PROVED
    vsphere.start()
    vsphere.prove(ACCOUNT, HOST)
    ticket = vsphere.acquire(ACCOUNT, HOST, "01890a5d-ac96-774b-bcce-b302099a8057", lambda: None)
    vsphere.close()
    assert "ticket-canary" in ticket.session_id.reveal()
    assert any(PASSWORD in request for request in scripted.requests)
