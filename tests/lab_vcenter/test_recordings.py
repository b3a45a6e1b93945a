"""The lab's answers held against what real vCenters answered to the same bytes."""

import http.client
import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tests.lab_vcenter.recordings import Exchange, Shape, exchanges, framing, needed, shape
from tests.support.lab_vcenter import PASSWORDS, LabVCenter

pytestmark = needed

pytestmark = pytest.mark.no_cover  # whole hosts are parsed at a third of the speed where that is traced

PROXY_OR_TIME = {
    "transfer-encoding",
    "x-envoy-upstream-service-time",
    "vary",
    "date",
    "content-length",
    "connection",
}
"""Headers of the proxy in front of vCenter 8, of the moment, or of the length."""

NOT_ON_A_NESTED_HOST = (
    "/FetchResponse/returnval/healthSystemRuntime/",
    "/FetchResponse/returnval/runtime/healthSystemRuntime/",
)
"""The recorded host is a virtual machine: it has no sensors."""

MODELLED = (
    "parent",
    "value",
    "customValue",
    "overallStatus",
    "configStatus",
    "permission",
    "name",
    "recentTask",
    "triggeredAlarmState",
    "alarmActionsEnabled",
    "tag",
    "runtime",
    "summary",
    "hardware",
    "capability",
    "configManager",
    "config",
)


class Line:
    """A client that sends recorded bytes."""

    def __init__(self, lab: LabVCenter) -> None:
        self._connection = http.client.HTTPSConnection(
            "localhost", lab.port, context=lab.context(), timeout=20
        )
        self.cookie = ""

    def send(self, exchange: Exchange) -> tuple[int, dict[str, str], str]:
        headers = {
            "SOAPAction": exchange.action,
            "Cookie": self.cookie,
            "Content-Type": "text/xml; charset=UTF-8",
        }
        self._connection.request(exchange.method, exchange.path, exchange.body.encode(), headers)
        response = self._connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        self.cookie = found.get("set-cookie", self.cookie)
        return response.status, found, response.read().decode()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def line(lab: LabVCenter) -> Iterator[Line]:
    opened = Line(lab)
    yield opened
    opened.close()


def with_user(exchange: Exchange) -> Exchange:
    """The recorded call with a user that the lab has."""
    body = exchange.body.replace(">my_user<", ">administrator@vsphere.local<")
    body = re.sub(">(my_password|my_pass)<", f">{PASSWORDS['administrator']}<", body)
    return Exchange(
        exchange.method,
        exchange.path,
        exchange.action,
        body,
        exchange.status,
        exchange.headers,
        exchange.answer,
    )


def without_values(answer: str) -> str:
    return re.sub(r">[^<>]+<", "><", answer)


def assert_same_frame(exchange: Exchange, status: int, headers: dict[str, str], answer: str) -> None:
    assert status == exchange.status
    assert framing(answer) == framing(exchange.answer)
    for name in ("cache-control", "content-type"):
        assert headers[name] == exchange.headers[name]
    missing = set(exchange.headers) - set(headers) - PROXY_OR_TIME
    assert not missing - ({"set-cookie"} if exchange.status == 200 else set())


@pytest.mark.parametrize("cassette", ["basic_connection", "smart_connection", "root_folder_parent"])
def test_a_recorded_conversation_goes_the_same_way_with_the_lab(line: Line, cassette: str) -> None:
    for exchange in map(with_user, exchanges(cassette)):
        status, headers, answer = line.send(exchange)
        if exchange.method == "GET":
            assert status == exchange.status
            assert [each.tag for each in ET.fromstring(answer).iter()][:4] == [
                each.tag for each in ET.fromstring(exchange.answer).iter()
            ][:4]
            continue
        assert_same_frame(exchange, status, headers, answer)
        assert_subset(shape(answer), shape(exchange.answer))


def assert_subset(ours: Shape, recorded: Shape, allowed: tuple[str, ...] = ()) -> None:
    """Every element of ours was recorded, in the same order and with the same xsi:type."""
    new = [
        path for path in ours.paths if path not in recorded.types and not path.startswith(allowed or ("//",))
    ]
    assert new == []
    common = [path for path in ours.paths if path in recorded.types]
    assert common == [path for path in recorded.paths if path in ours.types]
    differing = {path: ours.types[path] for path in common if not ours.types[path] <= recorded.types[path]}
    assert differing == {}


@pytest.mark.parametrize("cassette", ["basic_connection", "smart_connection"])
def test_a_session_is_described_in_the_recorded_words(line: Line, cassette: str) -> None:
    for exchange in map(with_user, exchanges(cassette)):
        _, headers, answer = line.send(exchange)
        if "LoginResponse" in exchange.answer or "UserSession" in exchange.answer:
            assert without_values(answer) == without_values(exchange.answer)
            if "set-cookie" in exchange.headers:
                pattern = r'vmware_soap_session="[0-9a-f]{40}"; Path=/; HttpOnly; Secure;'
                assert re.fullmatch(pattern, exchange.headers["set-cookie"])
                assert re.fullmatch(pattern, headers["set-cookie"])


def test_a_wrong_password_is_answered_to_the_byte_as_recorded(line: Line) -> None:
    _, failed = exchanges("basic_connection_bad_password")
    status, headers, answer = line.send(failed)
    assert_same_frame(failed, status, headers, answer)
    assert answer == failed.answer


def test_an_unset_property_is_answered_to_the_byte_as_recorded(line: Line) -> None:
    *_, unset = (line.send(each) and each for each in map(with_user, exchanges("root_folder_parent")))
    assert line.send(unset)[2] == unset.answer


def test_a_view_is_made_read_and_destroyed_in_the_recorded_words(line: Line) -> None:
    moid = ""
    for exchange in map(with_user, exchanges("basic_container_view")):
        sent = re.sub(r">session\[[^<]*<", f">{moid}<", exchange.body).replace("datacenter-3", "datacenter-2")
        replayed = Exchange(
            exchange.method,
            exchange.path,
            exchange.action,
            sent,
            exchange.status,
            exchange.headers,
            exchange.answer,
        )
        status, headers, answer = line.send(replayed)
        if exchange.method == "GET":
            continue
        assert_same_frame(exchange, status, headers, answer)
        assert_subset(shape(answer), shape(exchange.answer))
        if "CreateContainerViewResponse" in answer:
            pattern = r"session\[[0-9a-f-]{36}\][0-9a-f-]{36}"
            moid = ET.fromstring(answer).findtext(".//{urn:vim25}returnval") or ""
            assert re.fullmatch(pattern, moid)
            assert re.search(f">{pattern}<", exchange.answer)
        if "DestroyViewResponse" in answer:
            assert answer == exchange.answer


@pytest.fixture(scope="module")
def host_answers() -> dict[str, str]:
    recorded = exchanges("test_json_host_explode")
    return {
        each.asked: each.answer for each in recorded if each.asked and '"HostSystem">host-14<' in each.body
    }


def host_line(lab: LabVCenter) -> tuple[Line, str]:
    line = Line(lab)
    login = next(each for each in exchanges("test_json_host_explode") if "<Login" in each.body)
    assert line.send(with_user(login))[0] == 200
    return line, lab.world.host("esx0001.lab.example").moid


def fetch(line: Line, moid: str, name: str) -> str:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><Fetch xmlns="urn:vim25">'
        f'<_this versionId="8.0.2.0" type="HostSystem">{moid}</_this><prop versionId="8.0.2.0">{name}</prop>'
        "</Fetch></soapenv:Body></soapenv:Envelope>"
    )
    return line.send(Exchange("POST", "/sdk", '"urn:vim25/8.0.2.0"', body, 200, {}, ""))[2]


def test_a_whole_host_says_nothing_that_a_real_one_does_not(
    lab: LabVCenter, host_answers: dict[str, str]
) -> None:
    line, moid = host_line(lab)
    for name in MODELLED:
        ours, recorded = shape(fetch(line, moid, name)), shape(host_answers[name])
        assert_subset(ours, recorded, NOT_ON_A_NESTED_HOST)
    line.close()


def test_a_property_that_a_real_host_leaves_unset_is_not_filled_by_the_lab(
    lab: LabVCenter, host_answers: dict[str, str]
) -> None:
    line, moid = host_line(lab)
    for name, recorded in host_answers.items():
        if "returnval" not in recorded:
            answer = fetch(line, moid, name)
            assert "returnval" not in answer or 'xsi:type="NotSupported"' in answer
    line.close()


def test_services_and_rulesets_of_cim_have_the_recorded_names(
    lab: LabVCenter, host_answers: dict[str, str]
) -> None:
    line, moid = host_line(lab)
    ours, recorded = (_config_of(text) for text in (fetch(line, moid, "config"), host_answers["config"]))
    assert ours["service"] <= recorded["service"]
    assert ours["ruleset"] <= recorded["ruleset"]
    assert ("sfcbd-watchdog", "CIM Server") in ours["service"]
    assert ("CIMHttpsServer", "CIM Secure Server") in ours["ruleset"]
    line.close()


def _config_of(answer: str) -> dict[str, set[tuple[str | None, str | None]]]:
    root = ET.fromstring(answer)
    names = {"service": "service/{urn:vim25}service", "ruleset": "firewall/{urn:vim25}ruleset"}
    return {
        kind: {
            (each.findtext("{urn:vim25}key"), each.findtext("{urn:vim25}label"))
            for each in root.iterfind(f".//{{urn:vim25}}{path}")
        }
        for kind, path in names.items()
    }


NOT_MODELLED = {"effectiveRole", "disabledMethod", "configuration"}
ALARMS_AND_STORAGE = {"declaredAlarmState", "triggeredAlarmState", "datastore", "network"}
"""What a lab's datacenter has none of, and the recorded one has some."""


def test_a_datacenter_answers_each_property_in_the_recorded_words(line: Line) -> None:
    unanswered = set()
    for exchange in map(with_user, exchanges("test_json_datacenter_explode")):
        status, headers, answer = line.send(with_own_datacenter(exchange))
        if 'xsi:type="NotSupported"' in answer:
            unanswered.add(exchange.asked)
        elif exchange.method == "POST":
            assert_same_frame(exchange, status, headers, answer)
            assert_subset(shape(answer), shape(exchange.answer))
        if exchange.asked and exchange.asked not in NOT_MODELLED | ALARMS_AND_STORAGE:
            assert wording(answer) == wording(exchange.answer)
    assert unanswered == NOT_MODELLED


def test_what_a_datacenter_refers_to_is_named_like_the_recorded(line: Line) -> None:
    recorded = {
        each.asked: (line.send(with_own_datacenter(each))[2], each.answer)
        for each in map(with_user, exchanges("test_json_datacenter_explode"))
    }
    for name in ("parent", "vmFolder", "hostFolder", "datastoreFolder", "networkFolder"):
        ours, theirs = (referred(answer) for answer in recorded[name])
        assert ours == theirs


def wording(answer: str) -> str:
    """The answer but for its values and the order of attributes."""
    return without_values(ET.canonicalize(answer))


def referred(answer: str) -> tuple[str | None, str]:
    """The type of the object that an answer refers to, and its id without the number."""
    (value,) = ET.fromstring(answer).iterfind(".//{urn:vim25}returnval")
    return value.get("type"), (value.text or "").rstrip("0123456789")


def with_own_datacenter(exchange: Exchange) -> Exchange:
    return replace(exchange, body=exchange.body.replace(">datacenter-3<", ">datacenter-2<"))
