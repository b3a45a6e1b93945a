"""CIM-XML over TLS as pywbem sees it."""

import time
from collections.abc import Callable

import pytest
import pywbem
import requests

from broker.lab.cim.repository import READ_METHODS
from tests.lab_esx.conftest import Endpoint
from tests.support.lab_esx import cim_client

pytestmark = pytest.mark.no_cover  # pywbem takes thrice as long where it is traced, on both sides of the wire

CLASSES = {
    "CIM_Sensor": 10,
    "CIM_NumericSensor": 8,
    "CIM_Chassis": 1,
    "CIM_Card": 1,
    "CIM_Processor": 2,
    "CIM_Memory": 1,
    "CIM_PhysicalMemory": 8,
    "CIM_SoftwareIdentity": 3,
    "CIM_ComputerSystem": 1,
    "OMC_SMASHFirmwareIdentity": 3,
}


@pytest.mark.parametrize("namespace", ["root/cimv2", "root/interop"])
def test_hardware_classes_have_their_instances_in_both_namespaces(endpoint: Endpoint, namespace: str) -> None:
    client = endpoint.client()
    found = {each: len(client.EnumerateInstances(each, namespace=namespace)) for each in CLASSES}
    assert found == CLASSES


def test_sensors_carry_readings_that_stay_the_same(endpoint: Endpoint) -> None:
    client = endpoint.client()
    first, second = (client.EnumerateInstances("CIM_NumericSensor") for _ in range(2))
    assert first == second
    ambient = next(each for each in first if each["ElementName"] == "System Board 1 Ambient Temp")
    assert 15 < ambient["CurrentReading"] * 10 ** ambient["UnitModifier"] < 35
    assert ambient["BaseUnits"] == 2
    assert ambient["HealthState"] == 5


def test_an_instance_is_found_by_each_name_that_was_enumerated(endpoint: Endpoint) -> None:
    client = endpoint.client()
    names = client.EnumerateInstanceNames("CIM_PhysicalMemory")
    assert [client.GetInstance(name)["BankLabel"] for name in names] == [f"Bank {n}" for n in range(1, 9)]


def test_classes_are_enumerated_and_shown(endpoint: Endpoint) -> None:
    client = endpoint.client()
    assert client.EnumerateClassNames() == ["CIM_ManagedElement"]
    below = client.EnumerateClassNames(ClassName="CIM_LogicalDevice", DeepInheritance=True)
    assert {"CIM_Sensor", "CIM_NumericSensor", "OMC_NumericSensor"} <= set(below)
    classes = client.EnumerateClasses(ClassName="CIM_Sensor", DeepInheritance=True)
    assert {each.classname for each in classes} == {
        "CIM_NumericSensor", "OMC_NumericSensor", "OMC_DiscreteSensor",
    }  # fmt: skip
    shown = client.GetClass("OMC_Chassis", LocalOnly=False)
    assert shown.superclass == "CIM_Chassis"
    assert shown.properties["SerialNumber"].type == "string"


def test_a_property_list_is_honoured(endpoint: Endpoint) -> None:
    found = endpoint.client().EnumerateInstances("CIM_Card", PropertyList=["SerialNumber"])
    assert list(found[0].keys()) == ["SerialNumber"]


def test_interop_tells_the_namespaces(endpoint: Endpoint) -> None:
    found = endpoint.client().EnumerateInstances("CIM_Namespace", namespace="root/interop")
    assert {each["Name"] for each in found} == {"root/cimv2", "root/interop"}


def status_of(call: object) -> int:
    with pytest.raises(pywbem.CIMError) as caught:
        call()  # type: ignore[operator]
    return int(caught.value.status_code)


def test_what_is_not_there_is_said_in_cim_errors(endpoint: Endpoint) -> None:
    client = endpoint.client()
    name = client.EnumerateInstanceNames("CIM_Chassis")[0]
    missing = name.copy()
    missing["Tag"] = "nowhere"
    assert status_of(lambda: client.EnumerateInstances("CIM_Nonsense")) == pywbem.CIM_ERR_INVALID_CLASS
    assert status_of(lambda: client.GetClass("CIM_Nonsense")) == pywbem.CIM_ERR_NOT_FOUND
    assert status_of(lambda: client.GetInstance(missing)) == pywbem.CIM_ERR_NOT_FOUND
    wrong = "root/nowhere"
    assert status_of(lambda: client.EnumerateInstances("CIM_Card", namespace=wrong)) == 3


def test_a_ticket_reads_and_does_nothing_else(endpoint: Endpoint) -> None:
    client = endpoint.client()
    name = client.EnumerateInstanceNames("CIM_Chassis")[0]
    unsupported = pywbem.CIM_ERR_NOT_SUPPORTED
    assert status_of(lambda: client.DeleteInstance(name)) == unsupported
    assert status_of(lambda: client.InvokeMethod("Reset", name)) == unsupported
    assert status_of(lambda: client.ExecQuery("DMTF:CQL", "SELECT * FROM CIM_Card")) == unsupported


def test_an_iterator_of_pywbem_falls_back_to_plain_enumeration(endpoint: Endpoint) -> None:
    assert len(list(endpoint.client().IterEnumerateInstances("CIM_Sensor"))) == 10


def test_a_ticket_is_over_after_two_minutes_of_lab_time(endpoint: Endpoint) -> None:
    client = endpoint.client()
    endpoint.clock.advance(119)
    client.EnumerateInstanceNames("CIM_Card")
    endpoint.clock.advance(2)
    with pytest.raises(pywbem.AuthError):
        client.EnumerateInstanceNames("CIM_Card")


def test_a_ticket_of_another_host_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(pywbem.AuthError):
        endpoint.client(endpoint.tickets.issue("host-2")).EnumerateInstanceNames("CIM_Card")


def test_the_ticket_must_be_user_and_password(endpoint: Endpoint) -> None:
    ticket = endpoint.tickets.issue(endpoint.host.moid)
    for credentials in [(ticket, "x"), ("root", ticket), ("", ""), ("root", "vmware")]:
        answer = requests.post(endpoint.url, auth=credentials, verify=str(endpoint.ca), timeout=5)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_a_client_that_trusts_somebody_else_does_not_connect(endpoint: Endpoint) -> None:
    other = endpoint.certificates.renew("esx0002.lab.example", endpoint.host.address)
    leaf = endpoint.leaf.with_name("other.pem")
    leaf.write_text(other.pem)
    client = cim_client(endpoint.url, endpoint.tickets.issue(endpoint.host.moid), leaf)
    with pytest.raises(pywbem.ConnectionError):
        client.EnumerateInstanceNames("CIM_Card")


def test_a_changed_certificate_is_shown_to_new_connections(endpoint: Endpoint) -> None:
    renewed = endpoint.certificates.renew(endpoint.host.name, endpoint.host.address)
    endpoint.service.change_certificate(endpoint.host.moid, renewed.file)
    endpoint.service.change_certificate("host-without-endpoint", renewed.file)
    with pytest.raises(pywbem.ConnectionError):
        endpoint.client().EnumerateInstanceNames("CIM_Card")
    endpoint.leaf.write_text(renewed.pem)
    assert endpoint.client().EnumerateInstanceNames("CIM_Card")


@pytest.mark.parametrize("change", [{"wbem_running": False}, {"version": "9.0.0"}])
def test_a_host_without_cim_answers_nobody(endpoint: Endpoint, change: dict[str, object]) -> None:
    client = endpoint.client()
    client.EnumerateInstanceNames("CIM_Card")
    for name, value in change.items():
        setattr(endpoint.host, name, value)
    with pytest.raises(pywbem.ConnectionError):
        client.EnumerateInstanceNames("CIM_Card")
    with pytest.raises(pywbem.ConnectionError):
        endpoint.client().EnumerateInstanceNames("CIM_Card")


def test_requests_can_be_slowed_down(endpoint: Endpoint) -> None:
    endpoint.service.latencies.set("*", 30.0)
    ticket = endpoint.tickets.issue(endpoint.host.moid)
    with pytest.raises(requests.ReadTimeout):
        requests.post(endpoint.url, auth=(ticket, ticket), verify=str(endpoint.ca), timeout=(5, 0.2))


@pytest.mark.parametrize("slow", sorted(READ_METHODS))
def test_each_operation_can_be_slowed_down_alone(endpoint: Endpoint, slow: str) -> None:
    client = endpoint.client()
    name = client.EnumerateInstanceNames("CIM_Chassis")[0]
    calls = {
        "EnumerateClasses": lambda: client.EnumerateClasses(ClassName="CIM_Chassis"),
        "EnumerateClassNames": client.EnumerateClassNames,
        "EnumerateInstances": lambda: client.EnumerateInstances("CIM_Chassis"),
        "EnumerateInstanceNames": lambda: client.EnumerateInstanceNames("CIM_Chassis"),
        "GetClass": lambda: client.GetClass("CIM_Chassis"),
        "GetInstance": lambda: client.GetInstance(name),
    }
    endpoint.service.latencies.set(slow, 0.4)
    took = {operation: _seconds(call) for operation, call in calls.items()}
    assert took.pop(slow) >= 0.4
    assert max(took.values()) < 0.4


def _seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
