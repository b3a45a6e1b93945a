"""The ticket call reaches vCenter at most once, whatever happens on the way."""

from dataclasses import replace

import pytest
from pyVmomi import vim, vmodl

from broker.errors import MintUnknown, Reason, Refused
from broker.model.inventory import Host
from broker.model.issuance import VcenterTicket
from broker.model.policy import Vcenter
from broker.vsphere import tickets
from broker.vsphere.gate import Patience
from broker.vsphere.sessions import Session
from tests.support.scripted_vcenter import ScriptedVcenter, drop, fault, fixed, raw, returned
from tests.support.vcenter_entries import gate_of, host_entry, vcenter_entry
from tests.vsphere.conftest import OpenSession

TICKET = "AcquireCimServicesTicket"
HOST = host_entry()
OPERATION = "01890a5d-ac96-774b-bcce-b302099a8057"


def acquire(session: Session, host: Host, operation_id: str) -> VcenterTicket:
    return tickets.acquire(session, host, operation_id, lambda: None)


@pytest.fixture
def session(open_session: OpenSession) -> Session:
    return open_session()


def test_a_ticket_arrives_with_its_secret_in_a_secret(session: Session) -> None:
    ticket = acquire(session, HOST, OPERATION)
    assert ticket.session_id.reveal() == "52d1c0de-ticket-canary"
    assert "canary" not in repr(ticket)
    assert (ticket.host, ticket.port, ticket.thumbprint, ticket.certificate_pem) == (None, None, None, None)


def test_the_call_carries_the_operation_id_and_no_other_does(
    scripted: ScriptedVcenter, session: Session
) -> None:
    acquire(session, HOST, OPERATION)
    session.run(lambda link: link.host(HOST.ref).AcquireCimServicesTicket())
    carrying = [f">{OPERATION}</operationID>" in r for r in scripted.requests]
    assert [c for c, name in zip(carrying, scripted.calls, strict=True) if name == TICKET] == [True, False]
    assert sum(carrying) == 1


def test_the_operation_id_is_cleared_when_the_call_fails(scripted: ScriptedVcenter, session: Session) -> None:
    scripted.answers[TICKET] = fault(vim.fault.NoPermission())
    with pytest.raises(Refused):
        acquire(session, HOST, OPERATION)
    scripted.answers[TICKET] = fixed(None)
    session.run(lambda link: link.host(HOST.ref).AcquireCimServicesTicket())
    assert OPERATION not in scripted.requests[-1]


def test_a_lost_reply_is_unknown_and_the_call_is_not_repeated(
    scripted: ScriptedVcenter, session: Session
) -> None:
    scripted.answers[TICKET] = drop
    with pytest.raises(MintUnknown) as unknown:
        acquire(session, HOST, OPERATION)
    assert unknown.value.reason is Reason.VCENTER_UNAVAILABLE
    assert scripted.calls.count(TICKET) == 1


def test_a_reply_that_does_not_come_is_unknown_and_the_call_is_not_repeated(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    session = open_session(vcenter_entry(scripted.host, scripted.port, scripted.anchor, call_s=0.3))
    scripted.answers[TICKET] = scripted.hold
    with pytest.raises(MintUnknown) as unknown:
        acquire(session, HOST, OPERATION)
    assert unknown.value.reason is Reason.VCENTER_TIMEOUT
    assert scripted.calls.count(TICKET) == 1


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, b"no healthy upstream", Reason.VCENTER_UNAVAILABLE),
        (200, b"<html>no SOAP</html", Reason.VCENTER_FAULT),
        (200, b"", Reason.VCENTER_FAULT),
        (200, returned(TICKET, None), Reason.VCENTER_FAULT),
        (
            500,
            returned(TICKET, vim.HostServiceTicket(service="", serviceVersion="", sessionId="canary-500")),
            Reason.VCENTER_FAULT,
        ),
    ],
    ids=["a proxy's error", "broken XML", "nothing", "no ticket", "a ticket that says it is an error"],
)
def test_an_answer_that_is_none_is_unknown(
    scripted: ScriptedVcenter, session: Session, status: int, body: bytes, reason: Reason
) -> None:
    scripted.answers[TICKET] = raw(status, body)
    with pytest.raises(MintUnknown) as unknown:
        acquire(session, HOST, OPERATION)
    assert unknown.value.reason is reason
    assert unknown.value.__context__ is None
    assert "canary" not in str(unknown.value)
    assert scripted.calls.count(TICKET) == 1


def test_a_connection_that_vcenter_closed_while_idle_is_not_used_for_a_ticket(
    scripted: ScriptedVcenter, session: Session
) -> None:
    acquire(session, HOST, OPERATION)
    scripted.hang_up()
    acquire(session, HOST, OPERATION)
    assert scripted.calls.count(TICKET) == 2
    assert scripted.calls.count("Login") == 1


def test_a_vcenter_that_is_gone_made_no_ticket(scripted: ScriptedVcenter, session: Session) -> None:
    acquire(session, HOST, OPERATION)
    scripted.stop_listening()
    with pytest.raises(Refused) as refusal:
        acquire(session, HOST, OPERATION)
    assert not isinstance(refusal.value, MintUnknown)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE


def test_no_ticket_is_asked_for_on_another_vcenter_than_the_hosts(
    scripted: ScriptedVcenter, session: Session
) -> None:
    with pytest.raises(Refused) as refusal:
        acquire(session, host_entry(uuid="11111111-9de0-40cb-9c47-61d494229f4f"), OPERATION)
    assert not isinstance(refusal.value, MintUnknown)
    assert refusal.value.reason is Reason.INVENTORY_STALE
    assert TICKET not in scripted.calls


def test_the_last_word_before_the_call_is_said_when_the_call_has_its_place(
    scripted: ScriptedVcenter, open_session: OpenSession, entry: Vcenter
) -> None:
    gate = gate_of(replace(entry, concurrency=1), Patience(whole_s=0.05))

    def check() -> None:
        with pytest.raises(Refused), gate.place():
            pass
        raise Refused(Reason.UNPROVEN)

    with pytest.raises(Refused) as refusal:
        tickets.acquire(open_session(gate=gate), HOST, OPERATION, check)
    assert refusal.value.reason is Reason.UNPROVEN
    assert TICKET not in scripted.calls


def test_an_answer_lost_at_log_in_is_no_unknown_ticket(scripted: ScriptedVcenter, session: Session) -> None:
    scripted.answers["Login"] = drop
    with pytest.raises(Refused) as refusal:
        acquire(session, HOST, OPERATION)
    assert not isinstance(refusal.value, MintUnknown)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert TICKET not in scripted.calls


def test_a_session_that_vcenter_forgot_is_made_anew_for_one_more_call(
    scripted: ScriptedVcenter, session: Session
) -> None:
    acquire(session, HOST, OPERATION)
    usual = scripted.answers[TICKET]
    forgotten = [vim.fault.NotAuthenticated()]

    def once_forgotten(request: str) -> object:
        if forgotten:
            raise forgotten.pop()
        return usual(request)

    scripted.answers[TICKET] = once_forgotten
    assert acquire(session, HOST, OPERATION).session_id.reveal() == "52d1c0de-ticket-canary"
    assert scripted.calls.count("Login") == 2
    assert scripted.calls.count(TICKET) == 3


def test_a_vcenter_that_forgets_every_session_is_asked_twice_and_no_more(
    scripted: ScriptedVcenter, session: Session
) -> None:
    scripted.answers[TICKET] = fault(vim.fault.NotAuthenticated())
    with pytest.raises(Refused) as refusal:
        acquire(session, HOST, OPERATION)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert scripted.calls.count(TICKET) == 2


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (
            vim.fault.NoPermission(privilegeId="Host.Cim.CimInteraction"),
            Reason.NOT_APPLIED,
            "vim.fault.NoPermission: Host.Cim.CimInteraction",
        ),
        (vim.fault.NoPermission(privilegeId="<canary text>"), Reason.NOT_APPLIED, "vim.fault.NoPermission"),
        (vmodl.fault.HostNotConnected(), Reason.HOST_DISCONNECTED, "vmodl.fault.HostNotConnected"),
        (vmodl.fault.HostNotReachable(), Reason.HOST_DISCONNECTED, "vmodl.fault.HostNotReachable"),
        (
            vmodl.fault.ManagedObjectNotFound(obj=vim.HostSystem("host-11")),
            Reason.VCENTER_FAULT,
            "vmodl.fault.ManagedObjectNotFound",
        ),
        (vmodl.fault.NotSupported(msg="canary"), Reason.VCENTER_FAULT, "vmodl.fault.NotSupported"),
        (vmodl.fault.SystemError(reason="canary"), Reason.VCENTER_FAULT, "vmodl.fault.SystemError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_vcenters_word_that_there_is_no_ticket(
    scripted: ScriptedVcenter, session: Session, error: Exception, reason: Reason, detail: str
) -> None:
    scripted.answers[TICKET] = fault(error)
    with pytest.raises(Refused) as refusal:
        acquire(session, HOST, OPERATION)
    assert not isinstance(refusal.value, MintUnknown)
    assert (refusal.value.reason, refusal.value.detail) == (reason, detail)
    assert refusal.value.__context__ is None
