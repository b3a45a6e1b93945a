"""Each call of vCenter is told to whoever measures, with what became of it."""

from dataclasses import replace

import pytest
from pyVmomi import vim

from broker.errors import Refused
from broker.model.names import VcenterId
from broker.ports.metering import CallResult
from tests.support.scripted_vcenter import Answer, ScriptedVcenter, drop, fault, raw
from tests.support.vcenter_entries import PROD, host_entry, vcenter_entry
from tests.vsphere.conftest import OpenSession

TICKET = "AcquireCimServicesTicket"
HOST = host_entry()


class Told:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, CallResult]] = []
        self.seconds: list[float] = []

    def called(self, vcenter: VcenterId, method: str, result: CallResult, seconds: float) -> None:
        self.calls.append((vcenter, method, result))
        self.seconds.append(seconds)


def test_calls_are_told_under_the_names_that_the_api_has(open_session: OpenSession) -> None:
    told = Told()
    open_session(meter=told).run(lambda link: link.host(HOST.ref).AcquireCimServicesTicket())
    assert [method for _, method, _ in told.calls] == [
        "RetrieveServiceContent",
        "Login",
        "RetrievePropertiesEx",
        TICKET,
    ]
    assert {(vcenter, result) for vcenter, _, result in told.calls} == {(PROD, CallResult.ANSWERED)}
    assert all(0 < seconds < 60 for seconds in told.seconds)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (fault(vim.fault.NoPermission()), CallResult.FAULT),
        (drop, CallResult.LOST),
        (raw(200, b"no xml"), CallResult.LOST),
    ],
)
def test_what_became_of_a_call_is_told(
    scripted: ScriptedVcenter, open_session: OpenSession, answer: Answer, result: CallResult
) -> None:
    told = Told()
    session = open_session(meter=told)
    scripted.answers[TICKET] = answer
    with pytest.raises(Refused):
        session.run(lambda link: link.host(HOST.ref).AcquireCimServicesTicket())
    assert told.calls[-1] == (PROD, TICKET, result)


def test_a_call_that_never_left_is_told_as_such(scripted: ScriptedVcenter, open_session: OpenSession) -> None:
    told = Told()
    entry = vcenter_entry(scripted.host, scripted.port, scripted.anchor)
    session = open_session(replace(entry, port=1), meter=told)
    with pytest.raises(Refused):
        session.run(lambda link: link.content)
    assert told.calls == [(PROD, "RetrieveServiceContent", CallResult.NOT_SENT)]
