# mypy: disable-error-code="no-untyped-call"
"""One connection pool to one vCenter: a call leaves at most once, and ends in time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPSConnection
from importlib.metadata import version
from select import POLLIN, poll
from threading import Lock, local
from weakref import WeakSet

from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapStubAdapter
from pyVmomi.VmomiSupport import GetRequestContext

from broker.errors import Reason, Refused
from broker.model.inventory import HostRef
from broker.model.policy import Vcenter
from broker.ports.clock import Clock
from broker.ports.metering import CallMeter, CallResult
from broker.vsphere.faults import NotSent, answer_lost, not_sent
from broker.vsphere.plain_response import PlainResponse
from broker.vsphere.remote import Remote
from broker.vsphere.tls import DeadlineSocket, endpoint_context

API_VERSION = "vim.version.v7_0"
"""The oldest release that we speak to, said explicitly: negotiation ignores timeouts.

A newer vCenter answers in the form of the version that it is asked in.
"""

_INSTANCE = re.compile(r"[0-9A-Za-z-]{1,64}")

MOST_BYTES = 16 << 20
"""Of one answer: 200 proofs of an administrator, the largest, are 5.5 MB; a whole HostSystem is 1.3 MB."""

MOST_BYTES_OF_PATIENCE = 64 << 20
"""Of one answer to a long wait: 500 hosts, all that one brings, are 5.5 MB with 16 VMkernel adapters each."""

_IDLE_S = 60
"""After so long a pooled connection is made anew rather than trusted."""


class Stub(SoapStubAdapter):
    """pyVmomi's plain stub, which never repeats a call, with our timeouts and errors.

    Raises NotSent where no connection was made, AnswerLost where the request left and no
    answer came that can be read; faults of vCenter pass as pyVmomi raises them.
    """

    def __init__(self, vcenter: Vcenter, clock: Clock, meter: CallMeter) -> None:
        super().__init__(
            host=vcenter.host,
            port=vcenter.port,
            version=API_VERSION,
            sslContext=endpoint_context(vcenter.ca_file),
            poolSize=vcenter.concurrency,
            connectionPoolTimeout=_IDLE_S,
            httpConnectionTimeout=vcenter.connect_timeout_s,
            acceptCompressedResponses=False,
            customHeaders={"User-Agent": f"cim-ticket-broker/{version('cim-ticket-broker')}"},
        )
        self._vcenter = vcenter.id
        self._clock = clock
        self._meter = meter
        self._endpoint = f"{vcenter.host}:{vcenter.port}"
        self._call_timeout_s = vcenter.call_timeout_s
        self._own = local()
        self._taking = Lock()
        self._open: WeakSet[HTTPSConnection] = WeakSet()
        self._aborted = False

    def InvokeMethod(self, mo: Remote, info: Remote, args: Remote, outerStub: Remote = None) -> Remote:  # noqa: N802, N803 - pyVmomi's own names
        """Send one call, once."""
        try:
            with self._measured(info.wsdlName):
                return super().InvokeMethod(mo, info, args, outerStub)
        except (vmodl.MethodFault, Refused):
            raise
        except Exception as error:  # noqa: BLE001 - pyVmomi's parser raises anything, with the answer in its text
            lost = answer_lost(error, self._endpoint)
        raise lost

    @contextmanager
    def _measured(self, method: str) -> Iterator[None]:
        began, result = self._clock.monotonic(), CallResult.LOST
        try:
            yield
            result = CallResult.ANSWERED
        except vmodl.MethodFault:
            result = CallResult.FAULT
            raise
        except NotSent:
            result = CallResult.NOT_SENT
            raise
        finally:
            self._meter.called(self._vcenter, method, result, self._clock.monotonic() - began)

    def GetConnection(self) -> HTTPSConnection:  # noqa: N802 - pyVmomi's own name
        """A connection that is not known to be dead, with the call's deadline running."""
        while True:
            connection = self._connect()
            channel = connection.sock
            if isinstance(channel, DeadlineSocket) and (channel.fresh or _silent(channel)):
                channel.end_within(*getattr(self._own, "limits", (self._call_timeout_s, MOST_BYTES)))
                return self._taken(connection)
            connection.close()

    def _connect(self) -> HTTPSConnection:
        if self._aborted:
            raise NotSent(Reason.SHUTTING_DOWN)
        try:
            connection: HTTPSConnection = super().GetConnection()
        except (OSError, HTTPException) as error:
            failure = not_sent(error, self._endpoint)
        else:
            connection.response_class = PlainResponse
            return connection
        raise failure

    def _taken(self, connection: HTTPSConnection) -> HTTPSConnection:
        """The same, for `abort` to find. One that was made meanwhile ends here."""
        with self._taking:
            self._open.add(connection)
        if self._aborted:
            connection.close()
            raise NotSent(Reason.SHUTTING_DOWN)
        return connection

    @contextmanager
    def patience(self, timeout_s: float) -> Iterator[None]:
        """Calls of this thread inside have so long instead of the vCenter's call timeout.

        They may also bring more.
        """
        self._own.limits = (timeout_s, MOST_BYTES_OF_PATIENCE)
        try:
            yield
        finally:
            del self._own.limits

    def retire(self) -> None:
        """Close the connections that nobody uses just now, and the others when their call ends."""
        self.poolSize = 0
        self.DropConnections()

    def abort(self) -> None:
        """End every connection at once, those included on which a thread waits, and make none any more."""
        self._aborted = True
        with self._taking:
            taken = list(self._open)
        for connection in taken:
            if isinstance(channel := connection.sock, DeadlineSocket):
                with suppress(OSError):
                    channel.abort()
        self.retire()


def _silent(channel: DeadlineSocket) -> bool:
    """Whether an idle connection has nothing to say.

    What waits there can only be its end: a request sent on it would be lost, and a ticket call
    would count as one whose end is not known.
    """
    watch = poll()
    try:
        watch.register(channel, POLLIN)
        return not watch.poll(0)
    except (OSError, ValueError):
        return False


@contextmanager
def operation(operation_id: str) -> Iterator[None]:
    """Calls of this thread inside carry the operationID, so vCenter's logs can be held against ours."""
    context = GetRequestContext()
    context["operationID"] = operation_id
    try:
        yield
    finally:
        del context["operationID"]


class Link:
    """A stub and what it leads to. `content` is vCenter's own directory of its managers."""

    def __init__(self, stub: Stub, content: Remote, user_name: str) -> None:
        self.stub = stub
        self.content = content
        self.user_name = user_name
        """The account as currentSession gives it: how vCenter writes it."""

    @property
    def instance_uuid(self) -> str:
        """about.instanceUuid: which vCenter this is. Raises Refused(VCENTER_FAULT) for what is no id."""
        told = self.content.about.instanceUuid
        if not isinstance(told, str) or _INSTANCE.fullmatch(told) is None:
            raise Refused(Reason.VCENTER_FAULT, "vCenter shows no instanceUuid")
        return told

    def host(self, ref: HostRef) -> vim.HostSystem:
        """The host, on this link; nothing is asked of vCenter.

        Raises Refused(INVENTORY_STALE) for a host of another vCenter than the one that answers
        here: after a restore or an exchange its ids mean other hosts.
        """
        if ref.instance_uuid != self.instance_uuid:
            raise Refused(Reason.INVENTORY_STALE, f"{ref.vcenter} is another vCenter than it was")
        return vim.HostSystem(ref.moid, self.stub)
