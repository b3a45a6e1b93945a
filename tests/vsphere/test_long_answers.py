"""What a vCenter, or whoever stands in for it, may make us read and keep."""

import gzip
import zlib

import pytest
from pyVmomi import vim, vmodl

from broker.errors import MintUnknown, Reason, Refused
from broker.vsphere import tickets
from broker.vsphere.connection import MOST_BYTES, Link
from tests.support.scripted_vcenter import ScriptedVcenter, entered, raw, returned
from tests.support.vcenter_entries import host_entry
from tests.vsphere.conftest import OpenSession

TICKET = "AcquireCimServicesTicket"


def ticket_of(session_id: str) -> bytes:
    return returned(
        TICKET, vim.HostServiceTicket(service="cim", serviceVersion="1.0", sessionId=session_id, port=5989)
    )


def unknown(open_session: OpenSession) -> MintUnknown:
    with pytest.raises(MintUnknown) as caught:
        tickets.acquire(open_session(), host_entry(), "operation", lambda: None)
    return caught.value


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_answer_is_not_unpacked(
    scripted: ScriptedVcenter, open_session: OpenSession, encoding: str, pack: object
) -> None:
    assert callable(pack)
    scripted.answers[TICKET] = raw(200, pack(ticket_of("52d1c0de-canary")), encoding)
    lost = unknown(open_session)
    assert (lost.reason, "Packed" in lost.detail) == (Reason.VCENTER_UNAVAILABLE, True)


def test_an_answer_longer_than_any_that_we_ask_for_is_read_no_further(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    scripted.answers[TICKET] = raw(
        200, ticket_of("52d1c0de").replace(b">1.0<", b">" + b"1" * MOST_BYTES + b"<")
    )
    lost = unknown(open_session)
    assert (lost.reason, "too long" in lost.detail) == (Reason.VCENTER_FAULT, True)


@pytest.mark.parametrize("session_id", ["5" * 1025, "52d1c0de \u00e9", "52d1\nc0de", "", "52 d1"], ids=ascii)
def test_what_cannot_be_a_ticket_is_none(
    scripted: ScriptedVcenter, open_session: OpenSession, session_id: str
) -> None:
    scripted.answers[TICKET] = raw(200, ticket_of(session_id))
    assert unknown(open_session).reason is Reason.VCENTER_FAULT


def test_a_ticket_may_be_long(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    scripted.answers[TICKET] = raw(200, ticket_of("~" * 1024))
    ticket = tickets.acquire(open_session(), host_entry(), "operation", lambda: None)
    assert len(ticket.session_id.reveal()) == 1024


def test_a_long_wait_may_bring_more_than_a_call(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    name = "n" * (MOST_BYTES + 1)
    scripted.answers["WaitForUpdatesEx"] = lambda _: entered({vim.HostSystem("host-1"): {"name": name}})

    def patient(link: Link) -> object:
        with link.stub.patience(20.0):
            return vmodl.query.PropertyCollector("collector", link.stub).WaitForUpdatesEx("", None)

    session = open_session()
    assert session.wait(patient)
    with pytest.raises(Refused) as refusal:
        session.wait(
            lambda link: vmodl.query.PropertyCollector("collector", link.stub).WaitForUpdatesEx("", None)
        )
    assert "too long" in refusal.value.detail
