"""A vCenter that answers what a test says, over real TLS and real SOAP, and can break off anywhere.

    with scripted_vcenter(tmp_path) as vcenter:
        vcenter.answers["AcquireCimServicesTicket"] = drop
        ...
        assert vcenter.calls.count("AcquireCimServicesTicket") == 1

It enforces nothing; it is for what no vCenter says on purpose.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SerializeFaultDetail, SerializeToStr
from pyVmomi.VmomiSupport import Object

from tests.support.authority import Authority, ServerFiles

Remote = Any
Answer = Callable[[str], Remote]
"""Gets the request's XML; gives the return value, raises a fault, or one of the breaks below."""

UUID = "61f12cb6-9de0-40cb-9c47-61d494229f4f"
USER = "VSPHERE.LOCAL\\cim-a"
VERSION = "vim.version.v7_0"

_METHODS = {
    info.wsdlName: info
    for kind in (
        vim.ServiceInstance,
        vim.SessionManager,
        vim.HostSystem,
        vim.AuthorizationManager,
        vim.SearchIndex,
        vim.view.ViewManager,
        vim.view.ContainerView,
        vmodl.query.PropertyCollector,
    )
    for info in (
        *kind._methodInfo.values(),
        *(i for base in kind.__mro__ if hasattr(base, "_methodInfo") for i in base._methodInfo.values()),
    )
}


class BreakOffError(Exception):
    """Close the connection without an answer."""


class RawError(Exception):
    """Answer with these very bytes."""

    def __init__(self, status: int, body: bytes, encoding: str) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.encoding = encoding


def drop(_request: str) -> Remote:
    """Close the connection without an answer."""
    raise BreakOffError


def raw(status: int, body: bytes, encoding: str = "identity") -> Answer:
    """Answer with these very bytes, and say that they are encoded so."""

    def answer(_request: str) -> Remote:
        raise RawError(status, body, encoding)

    return answer


def fault(error: Exception) -> Answer:
    """Answer with this fault."""

    def answer(_request: str) -> Remote:
        raise error

    return answer


def fixed(value: Remote) -> Answer:
    """Answer with this value."""
    return lambda _request: value


class ScriptedVcenter:
    """The server. `calls` are the methods received, `requests` their bodies, both in order."""

    host = "localhost"

    def __init__(self, authority: Authority, files: ServerFiles) -> None:
        self.authority = authority
        self.anchor = authority.anchor
        self.calls: list[str] = []
        self.requests: list[str] = []
        self.agents: set[str] = set()
        self.answers: dict[str, Answer] = _usual_answers()
        self.greet: Callable[[], None] = lambda: None
        """Called for each connection, before its TLS begins."""
        self.released = threading.Event()
        """Set at the end: answers that hold back wait for it."""
        self._open: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.vcenter = self
        self.port = self._server.server_address[1]
        self.present(files)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def present(self, files: ServerFiles) -> None:
        """Show this certificate from the next connection on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        self._server.tls = context

    def hold(self, _request: str) -> Remote:
        """Say nothing until the end."""
        self.released.wait(30)
        raise BreakOffError

    def hang_up(self) -> None:
        """Close every connection, idle ones too, as a vCenter does after a while."""
        for channel in list(self._open):
            with suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)

    def stop_listening(self) -> None:
        """Be gone: connections are refused from now on."""
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()

    def close(self) -> None:
        self.released.set()
        self.stop_listening()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    vcenter: ScriptedVcenter
    tls: ssl.SSLContext

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        self.server.vcenter.greet()
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.server.vcenter._open.add(self.request)
        super().setup()

    def finish(self) -> None:
        self.server.vcenter._open.discard(self.request)
        with suppress(OSError, ValueError):
            super().finish()
        self.request.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        method = body.split("<soapenv:Body><", 1)[1].split(" ", 1)[0]
        vcenter = self.server.vcenter
        vcenter.agents.add(self.headers["User-Agent"])
        vcenter.requests.append(body)
        vcenter.calls.append(method)
        try:
            status, encoding, reply = self._reply(method, body)
        except BreakOffError:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def _reply(self, method: str, body: str) -> tuple[int, str, bytes]:
        try:
            value = self.server.vcenter.answers[method](body)
        except RawError as error:
            return error.status, error.encoding, error.body
        except vmodl.MethodFault as error:
            return 500, "identity", _fault(error)
        return 200, "identity", returned(method, value)


def returned(method: str, value: Remote) -> bytes:
    """The body of an answer."""
    info = _METHODS[method]
    inner = ""
    if value is not None:
        typed = Object(name="returnval", type=info.result, version=VERSION, flags=0)
        inner = SerializeToStr(value, typed, VERSION, {"urn:vim25": "", **_PREFIXES})
    return _envelope(f'<{method}Response xmlns="urn:vim25">{inner}</{method}Response>')


_PREFIXES = {
    "http://schemas.xmlsoap.org/soap/encoding/": "soapenc",
    "http://schemas.xmlsoap.org/soap/envelope/": "soapenv",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
    "http://www.w3.org/2001/XMLSchema": "xsd",
}


def _fault(error: Remote) -> bytes:
    name = type(error)._wsdlName + "Fault"
    info = Object(name=name, type=object, version=VERSION, flags=0)
    detail = SerializeFaultDetail(error, info, VERSION, {"urn:vim25": "", **_PREFIXES})
    detail = detail.replace(f"<{name}", f'<{name} xmlns="urn:vim25"', 1)
    text = str(error.msg or "")
    return _envelope(
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode>"
        f"<faultstring>{text}</faultstring><detail>{detail}</detail></soapenv:Fault>"
    )


def _envelope(inner: str) -> bytes:
    names = "".join(f' xmlns:{prefix}="{uri}"' for uri, prefix in _PREFIXES.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope{names}>'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def content() -> Remote:
    """What RetrieveServiceContent gives."""
    return vim.ServiceInstanceContent(
        rootFolder=vim.Folder("group-d1"),
        propertyCollector=vmodl.query.PropertyCollector("propertyCollector"),
        viewManager=vim.view.ViewManager("ViewManager"),
        about=vim.AboutInfo(
            name="VMware vCenter Server",
            fullName="VMware vCenter Server 8.0.3",
            vendor="VMware, Inc.",
            version="8.0.3",
            build="1",
            osType="linux-x64",
            productLineId="vpx",
            apiType="VirtualCenter",
            apiVersion="8.0.3.0",
            instanceUuid=UUID,
        ),
        sessionManager=vim.SessionManager("SessionManager"),
        authorizationManager=vim.AuthorizationManager("AuthorizationManager"),
        searchIndex=vim.SearchIndex("SearchIndex"),
    )


def user_session() -> Remote:
    """What Login and currentSession give."""
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    return vim.UserSession(
        key="52c0ffee-session-canary",
        userName=USER,
        fullName="cim-a",
        loginTime=at,
        lastActiveTime=at,
        locale="en",
        messageLocale="en",
        extensionSession=False,
        ipAddress="127.0.0.1",
        userAgent="",
        callCount=0,
    )


def privileges(held: dict[Remote, list[str]]) -> Remote:
    """What FetchUserPrivilegeOnEntities gives."""
    result: Remote = vim.AuthorizationManager.UserPrivilegeResult
    return [result(entity=thing, privileges=ids) for thing, ids in held.items()]


def shown(subject: Remote, values: dict[str, Remote]) -> Remote:
    """What RetrievePropertiesEx gives of one object."""
    return all_shown({subject: values})


def all_shown(objects: dict[Remote, dict[str, Remote]]) -> Remote:
    """What RetrievePropertiesEx gives of these objects."""
    collector: Remote = vmodl.query.PropertyCollector
    return collector.RetrieveResult(
        objects=[
            collector.ObjectContent(
                obj=subject,
                propSet=[vmodl.DynamicProperty(name=n, val=_typed(v)) for n, v in values.items()],
            )
            for subject, values in objects.items()
        ]
    )


def _typed(value: Remote) -> Remote:
    """A list as vCenter sends one where any type may stand: an array that says of what."""
    return type(value[0]).Array(value) if type(value) is list else value


def entered(objects: dict[Remote, dict[str, Remote]], version: str = "1") -> Remote:
    """What the first WaitForUpdatesEx gives of these objects."""
    collector: Remote = vmodl.query.PropertyCollector
    entries = [
        collector.ObjectUpdate(
            kind="enter",
            obj=thing,
            changeSet=[collector.Change(name=n, op="assign", val=_typed(v)) for n, v in values.items()],
        )
        for thing, values in objects.items()
    ]
    update = collector.FilterUpdate(filter=collector.Filter("session[1]filter-1"), objectSet=entries)
    return collector.UpdateSet(version=version, filterSet=[update], truncated=False)


def _usual_answers() -> dict[str, Answer]:
    manager = vim.SessionManager("SessionManager")
    collector: Remote = vmodl.query.PropertyCollector
    return {
        "RetrieveServiceContent": fixed(content()),
        "Login": fixed(user_session()),
        "Logout": fixed(None),
        "RetrievePropertiesEx": fixed(shown(manager, {"currentSession": user_session()})),
        "CreatePropertyCollector": fixed(collector("session[1]collector")),
        "CreateContainerView": fixed(vim.view.ContainerView("session[1]view")),
        "CreateFilter": fixed(collector.Filter("session[1]filter-1")),
        "DestroyPropertyCollector": fixed(None),
        "DestroyView": fixed(None),
        "AcquireCimServicesTicket": fixed(
            vim.HostServiceTicket(service="cim", serviceVersion="1.0", sessionId="52d1c0de-ticket-canary")
        ),
    }


@contextmanager
def scripted_vcenter(folder: Path) -> Iterator[ScriptedVcenter]:
    """Start one, and end it with the block."""
    authority = Authority(folder)
    vcenter = ScriptedVcenter(authority, authority.server("vcenter"))
    try:
        yield vcenter
    finally:
        vcenter.close()


class Updates:
    """Answers WaitForUpdatesEx: what a test puts, one answer each, and nothing new in between."""

    def __init__(self, *first: Remote, wait_s: float = 0.05) -> None:
        self._queue: Queue[Remote] = Queue()
        self._wait_s = wait_s
        self.put(*first)

    def put(self, *updates: Remote) -> None:
        """Tell these, in order; an exception is told as a fault."""
        for update in updates:
            self._queue.put(update)

    def __call__(self, _request: str) -> Remote:
        try:
            update = self._queue.get(timeout=self._wait_s)
        except Empty:
            return None
        if isinstance(update, Exception):
            raise update
        return update
