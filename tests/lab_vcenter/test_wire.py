"""The bytes on the wire, asked for without pyVmomi's client."""

import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetRequestContext

from broker.lab.soap.request import UnreadableRequest, parse
from broker.lab.soap.server import LARGEST_BODY
from tests.support.lab_vcenter import PASSWORDS, LabVCenter
from tests.support.sockets import far_end_sends_at_once

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    "{header}<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
CONTENT = (
    '<RetrieveServiceContent xmlns="urn:vim25"><_this type="ServiceInstance">'
    "ServiceInstance</_this></RetrieveServiceContent>"
)
NEWEST = '"urn:vim25/8.0.3.0"'


@pytest.fixture
def line(lab: LabVCenter) -> Iterator[http.client.HTTPSConnection]:
    connection = http.client.HTTPSConnection("127.0.0.1", lab.port, context=lab.context(), timeout=20)
    yield connection
    connection.close()


def post(
    line: http.client.HTTPSConnection, body: str, action: str = NEWEST, path: str = "/sdk", cookie: str = ""
) -> tuple[http.client.HTTPResponse, str]:
    headers = {"SOAPAction": action, "Content-Type": "text/xml; charset=utf-8", "Cookie": cookie}
    line.request("POST", path, body.encode(), headers)
    response = line.getresponse()
    return response, response.read().decode()


def called(body: str) -> str:
    return ENVELOPE.format(header="", body=body)


def login(password: str) -> str:
    return called(
        '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
        f"<userName>administrator@vsphere.local</userName><password>{password}</password></Login>"
    )


def test_a_connection_is_kept_and_replies_say_what_vcenter_says(line: http.client.HTTPSConnection) -> None:
    for _ in range(3):
        response, text = post(line, called(CONTENT))
        assert response.status == 200
        assert response.version == 11
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
        assert int(response.headers["Content-Length"]) == len(text.encode())
        assert response.headers["Set-Cookie"] is None
        assert response.headers["Date"].endswith(" GMT")
    assert '<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder type="Folder">' in text


def test_a_login_sets_the_cookie_whether_it_succeeds_or_not(line: http.client.HTTPSConnection) -> None:
    response, text = post(line, login("wrong"))
    assert response.status == 500
    assert (
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Cannot complete login due to an "
        'incorrect user name or password.</faultstring><detail><InvalidLoginFault xmlns="urn:vim25" '
        'xsi:type="InvalidLogin"></InvalidLoginFault></detail></soapenv:Fault>'
    ) in text
    failed = response.headers["Set-Cookie"]
    response, _ = post(line, login(PASSWORDS["administrator"]))
    cookie = response.headers["Set-Cookie"]
    assert cookie != failed
    assert cookie.startswith('vmware_soap_session="')
    assert cookie.endswith('"; Path=/; HttpOnly; Secure;')
    name = '<Fetch xmlns="urn:vim25"><_this type="Folder">group-d1</_this><prop>name</prop></Fetch>'
    for sent in (cookie, cookie.partition(";")[0], cookie.partition(";")[0].replace('"', "")):
        response, text = post(line, called(name), cookie=f"other=1; {sent}")
        assert (
            '<FetchResponse xmlns="urn:vim25"><returnval xsi:type="xsd:string">Datacenters</returnval>'
            in text
        )
        assert response.headers["Set-Cookie"] is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("no xml at all", "InvalidRequest"),
        (called(""), "InvalidRequest"),
        (called('<Login xmlns="urn:vim25"><surprise>1</surprise></Login>'), "InvalidRequest"),
        (called('<Login xmlns="urn:vim25"><_this>SessionManager</_this></Login>'), "InvalidRequest"),
        (called('<RetrieveServiceContent xmlns="urn:vim25"/>'), "InvalidRequest"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + called(CONTENT), "InvalidRequest"),
        (called(CONTENT.replace(">ServiceInstance<", ">Other<")), "ManagedObjectNotFound"),
        (called(CONTENT.replace("RetrieveServiceContent", "Bogus")), "NotAuthenticated"),
        (called(CONTENT.replace("RetrieveServiceContent", "RetrieveProductComponents")), "MethodNotFound"),
    ],
)
def test_what_is_no_call_is_answered_with_a_fault(
    line: http.client.HTTPSConnection, body: str, fault: str
) -> None:
    response, text = post(line, body)
    assert response.status == 500
    assert f'<{fault}Fault xmlns="urn:vim25" xsi:type="{fault}">' in text


def test_another_services_namespace_is_refused(line: http.client.HTTPSConnection) -> None:
    response, text = post(line, called(CONTENT), action="urn:pbm/2.0")
    assert response.status == 500
    assert 'Unsupported version URI "urn:pbm/2.0"' in text


@pytest.mark.parametrize("action", ["", "urn:vim25", '"urn:vim25/9.1.0.0"', '"urn:vim25/uA046D008"'])
def test_a_version_that_is_not_spoken_means_the_newest(
    line: http.client.HTTPSConnection, action: str
) -> None:
    response, text = post(line, called(CONTENT), action=action)
    assert response.status == 200
    assert "<patchLevel>" in text


def test_an_old_version_does_not_see_what_came_later(line: http.client.HTTPSConnection) -> None:
    _, text = post(line, called(CONTENT), action='"urn:vim25/4.0"')
    assert "<instanceUuid>" not in text or "<patchLevel>" not in text
    assert "<viewManager" in text


def test_a_body_may_come_in_chunks(line: http.client.HTTPSConnection) -> None:
    text = called(CONTENT).encode()
    pieces = [text[index : index + 50] for index in range(0, len(text), 50)]
    for _ in range(2):
        line.request("POST", "/sdk", iter(pieces), {"SOAPAction": NEWEST}, encode_chunked=True)
        response = line.getresponse()
        assert response.status == 200
        response.read()


@pytest.mark.parametrize(
    "headers", [{"Content-Length": str(LARGEST_BODY + 1)}, {"Transfer-Encoding": "chunked"}]
)
def test_a_body_that_is_too_large_is_not_read(
    line: http.client.HTTPSConnection, headers: dict[str, str]
) -> None:
    line.putrequest("POST", "/sdk")
    for name, value in headers.items():
        line.putheader(name, value)
    line.endheaders()
    line.send(b"%x\r\n" % (LARGEST_BODY + 1))
    assert line.getresponse().status == 413


def test_the_documents_are_there_and_nothing_else(line: http.client.HTTPSConnection) -> None:
    found = {}
    for path in (
        "/sdk/vimServiceVersions.xml",
        "/sdk/vimService?wsdl",
        "/sdk/vimService.wsdl",
        "/sdk/other",
        "/",
    ):
        line.request("GET", path)
        response = line.getresponse()
        found[path] = (response.status, response.read().decode())
    assert [status for status, _ in found.values()] == [200, 200, 200, 404, 404]
    versions = found["/sdk/vimServiceVersions.xml"][1]
    assert "<name>urn:vim25</name>" in versions
    assert "<priorVersions><version>8.0.3.0</version><version>8.0.2.0</version>" in versions
    assert "<version>4.0</version></priorVersions>" in versions
    assert "VimService" in found["/sdk/vimService?wsdl"][1]
    response, _ = post(line, called(CONTENT), path="/elsewhere")
    assert response.status == 404


def test_a_client_that_does_not_trust_the_ca_does_not_get_in(lab: LabVCenter) -> None:
    stranger = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", lab.port)) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        stranger.wrap_socket(raw, server_hostname="localhost")
    assert lab.login().about.name == "VMware vCenter Server"


def test_a_client_that_speaks_no_tls_is_dropped_and_harms_nobody(lab: LabVCenter) -> None:
    with socket.create_connection(("127.0.0.1", lab.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        raw.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(1024):
                pass
    assert lab.login().about.name == "VMware vCenter Server"


def test_a_method_that_the_lab_does_not_have_is_not_found_and_never_a_success(lab: LabVCenter) -> None:
    content = lab.login()
    with pytest.raises(vmodl.fault.MethodNotFound) as refused:
        content.rootFolder.CreateDatacenter(name="DC3")
    assert refused.value.method == "CreateDatacenter"


def test_a_call_without_its_object_is_refused_after_login_too(line: http.client.HTTPSConnection) -> None:
    response, _ = post(line, login(PASSWORDS["administrator"]))
    _, text = post(line, called('<Logout xmlns="urn:vim25"/>'), cookie=response.headers["Set-Cookie"])
    assert 'xsi:type="InvalidRequest"' in text


def test_the_operation_id_of_the_header_is_heard(lab: LabVCenter) -> None:
    content = lab.login()
    host = content.searchIndex.FindByInventoryPath("DC1/host/cluster-01/esx0001.lab.example")
    GetRequestContext()["operationID"] = "issuance-1"
    try:
        host.AcquireCimServicesTicket()
    finally:
        GetRequestContext().pop("operationID")
    host.AcquireCimServicesTicket()
    first, second = lab.heard.of("AcquireCimServicesTicket")
    assert (first.operation_id, second.operation_id) == ("issuance-1", None)
    assert (first.moid, first.user) == (host._GetMoId(), r"VSPHERE.LOCAL\administrator")


def test_a_knob_turns_an_answer_into_a_fault_so_many_times(lab: LabVCenter) -> None:
    content = lab.login()
    lab.knobs.set_fault("CurrentTime", "HostNotConnected", 1)
    instance = vim.ServiceInstance("ServiceInstance", lab.stubs[-1])
    with pytest.raises(vmodl.fault.HostNotConnected):
        instance.CurrentTime()
    assert instance.CurrentTime()
    assert content.about.name


def test_a_knob_loses_an_answer_though_the_method_ran(lab: LabVCenter) -> None:
    content = lab.login()
    host = content.searchIndex.FindByInventoryPath("DC1/host/cluster-01/esx0001.lab.example")
    lab.knobs.set_drop("AcquireCimServicesTicket", 1)
    with pytest.raises((http.client.HTTPException, OSError)):
        host.AcquireCimServicesTicket()
    assert lab.tickets.minted() == 1
    assert host.AcquireCimServicesTicket().sessionId


def test_a_defect_of_the_lab_is_a_system_error(lab: LabVCenter, monkeypatch: pytest.MonkeyPatch) -> None:
    content = lab.login()
    host = content.searchIndex.FindByInventoryPath("DC1/host/cluster-01/esx0001.lab.example")

    def broken(_moid: str) -> str:
        raise RuntimeError("a defect")

    monkeypatch.setattr(lab.tickets, "issue", broken)
    with pytest.raises(vmodl.fault.SystemError):
        host.AcquireCimServicesTicket()


def test_a_reply_leaves_in_one_piece_and_at_once(lab: LabVCenter) -> None:
    body = called(CONTENT).encode()
    head = f"POST /sdk HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", lab.port), timeout=20) as raw,
        lab.context().wrap_socket(raw, server_hostname="localhost") as line,
    ):
        for _ in range(3):
            line.sendall(head.encode() + body)
            # one TLS record is one send: recv gives at most one record
            headers, _, answer = line.recv(65536).partition(b"\r\n\r\n")
            assert f"Content-Length: {len(answer)}\r\n".encode() in headers
            assert answer.endswith(b"</soapenv:Envelope>")
        assert far_end_sends_at_once(line)


@given(start=st.integers(0, 300), length=st.integers(0, 40), put=st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_damaged_request_is_read_or_refused_and_nothing_else(start: int, length: int, put: str) -> None:
    text = called(CONTENT)
    damaged = text[:start] + put + text[start + length :]
    with contextlib.suppress(UnreadableRequest):
        assert parse(damaged.encode(errors="surrogatepass")).name


@given(body=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    with contextlib.suppress(UnreadableRequest):
        assert parse(body).name
