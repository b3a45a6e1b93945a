"""CIM-XML to endpoints of the lab, and to peers that are not the host."""

import hashlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker.client.api import TicketAnswer
from broker.client.cim import cim_connection, sensors
from broker.client.errors import CimFailed, HostNotTrusted, TicketUnusable
from broker.lab.cim.endpoint import CimEndpoint
from broker.lab.cim.service import CimService
from broker.lab.tickets import CimTickets
from broker.model.receipt import Receipt
from broker.model.secret import Secret
from tests.support.certificates import TestCertificate, self_signed
from tests.support.clock import HandClock
from tests.support.https import Reply, Seen, https_server
from tests.support.leaves import leaf

HOST = "esx01.example.com"


@dataclass
class Esx:
    moid: str = "host-42"
    name: str = HOST
    address: str = "127.0.0.1"
    uuid: str = "4c4c4544-0000-0000-0000-000000000001"
    version: str = "8.0.3"
    wbem_running: bool = True


@dataclass
class Place:
    """One lab endpoint, its tickets and the answer that a broker would give for it."""

    service: CimService
    tickets: CimTickets
    clock: HandClock
    certificate: TestCertificate
    port: int

    def answer(self, session_id: str | None = None) -> TicketAnswer:
        return answer_for(
            self.certificate, self.port, session_id or self.tickets.issue("host-42"), self.clock
        )


def answer_for(certificate: TestCertificate, port: int, session_id: str, clock: HandClock) -> TicketAnswer:
    now = clock.now()
    return TicketAnswer(
        issuance="019ab1de-0000-7000-8000-000000000001",
        session_id=Secret(session_id),
        host=HOST,
        vcenter="prod",
        moid="host-42",
        address="127.0.0.1",
        port=port,
        url=f"https://127.0.0.1:{port}",
        certificate_pem=certificate.pem,
        certificate_sha256=certificate.sha256.replace(":", "").lower(),
        grant="hardware",
        template="cim-hardware",
        template_revision="r1",
        account="cim-reader",
        issued_at=now,
        expires_at=now + timedelta(seconds=120),
        server_time=now,
        usable_until=now + timedelta(seconds=120),
        warnings=(),
        receipt=Receipt(0, bytes(32), "", ()),
    )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    clock = HandClock()
    tickets = CimTickets(clock)
    certificate = self_signed(HOST)
    file = tmp_path / "esx.pem"
    file.write_text(certificate.pem + certificate.key_pem)
    service = CimService()
    service.start()
    port = service.listen(CimEndpoint(Esx(), tickets.is_live), file)
    yield Place(service, tickets, clock, certificate, port)
    service.stop()


def test_a_ticket_reads_the_sensors_of_its_host(place: Place) -> None:
    with cim_connection(place.answer(), HOST, place.clock) as connection:
        found = sensors(connection)
    by_name = {sensor.name: sensor for sensor in found}
    ambient = next(s for name, s in by_name.items() if "Ambient" in name)
    assert (ambient.type, ambient.unit, ambient.health) == ("temperature", "degrees C", "ok")
    assert ambient.reading is not None
    assert 19 <= ambient.reading <= 27
    assert {s.unit for s in found} >= {"degrees C", "RPM", "V", "W"}
    assert any(s.reading is None and s.state == "Deasserted" for s in found)
    assert [s.name for s in found] == sorted(by_name)


def test_a_dead_ticket_is_told_apart_from_a_broken_host(place: Place) -> None:
    ticket = place.answer()
    place.clock.advance(120)
    alive_here = replace(ticket, usable_until=place.clock.now() + timedelta(seconds=1))
    with (
        pytest.raises(CimFailed, match="refused the ticket"),
        cim_connection(alive_here, HOST, place.clock) as connection,
    ):
        sensors(connection)


def test_a_ticket_that_is_over_is_not_sent(place: Place) -> None:
    ticket = place.answer()
    place.clock.advance(120)
    with (
        pytest.raises(TicketUnusable, match="is over"),
        cim_connection(ticket, HOST, place.clock),
    ):
        pytest.fail("the connection was opened")


def test_a_ticket_is_not_sent_to_another_host(place: Place) -> None:
    with (
        pytest.raises(TicketUnusable, match=r"not for esx02\.example\.com"),
        cim_connection(place.answer(), "esx02.example.com", place.clock),
    ):
        pytest.fail("the connection was opened")


def test_the_host_may_be_called_by_its_address(place: Place) -> None:
    with cim_connection(place.answer(), "127.0.0.1", place.clock) as connection:
        assert sensors(connection)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_bundle_of_the_environment_neither_helps_nor_hurts(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    bundle = tmp_path / "other.pem"
    bundle.write_text(self_signed("other.example.com").pem)
    monkeypatch.setenv(variable, str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with cim_connection(place.answer(), HOST, place.clock) as connection:
        assert sensors(connection)


def impostor(tmp_path: Path, shown: TestCertificate, expected: TestCertificate) -> list[Seen]:
    """What a peer that shows `shown` is sent by a client that expects `expected`."""

    def nothing(_: Seen) -> Reply:
        return Reply(500, b"")

    clock = HandClock()
    with https_server(tmp_path, shown, nothing) as server:
        ticket = answer_for(expected, server.port, "canary-session", clock)
        with (
            pytest.raises(HostNotTrusted, match="does not show its certificate"),
            cim_connection(ticket, HOST, clock) as connection,
        ):
            sensors(connection)
    assert server.connections
    return server.seen


def test_a_peer_with_another_certificate_of_the_same_name_is_sent_nothing(tmp_path: Path) -> None:
    assert impostor(tmp_path, shown=self_signed(HOST), expected=self_signed(HOST)) == []


def test_a_peer_whose_bundle_is_trusted_by_the_environment_is_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = self_signed(HOST)
    (tmp_path / "bundle.pem").write_text(shown.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "bundle.pem"))
    assert impostor(tmp_path, shown, expected=self_signed(HOST)) == []


def test_a_certificate_signed_by_the_pinned_one_is_not_the_pinned_one(tmp_path: Path) -> None:
    pinned = leaf(HOST, signs=True)
    assert impostor(tmp_path, shown=leaf(HOST, issuer=pinned), expected=pinned) == []


def test_a_pinned_certificate_that_is_over_is_refused(tmp_path: Path) -> None:
    over = leaf(HOST, age=timedelta(days=2))
    assert impostor(tmp_path, shown=over, expected=over) == []


def test_the_checks_of_the_library_stay_on(place: Place) -> None:
    with cim_connection(place.answer(), HOST, place.clock) as connection:
        sensors(connection)
        pool = connection.session.adapters["https://"].poolmanager
        contexts = [pool.pools[key].conn_kw["ssl_context"] for key in pool.pools.keys()]  # noqa: SIM118 - urllib3's own container
    assert contexts
    assert all(c.verify_mode is ssl.CERT_REQUIRED and c.check_hostname for c in contexts)


def test_a_fingerprint_that_is_not_of_the_certificate_is_refused(place: Place) -> None:
    ticket = replace(place.answer(), certificate_sha256=hashlib.sha256(b"other").hexdigest())
    with pytest.raises(HostNotTrusted, match="not the one"), cim_connection(ticket, HOST, place.clock):
        pytest.fail("the connection was opened")


def test_a_certificate_that_cannot_be_read_is_refused(place: Place) -> None:
    ticket = replace(place.answer(), certificate_pem="no certificate")
    with pytest.raises(HostNotTrusted, match="cannot be read"), cim_connection(ticket, HOST, place.clock):
        pytest.fail("the connection was opened")


def test_a_certificate_that_states_no_name_is_refused(place: Place) -> None:
    bare = leaf("")
    pem, sha256 = bare.pem, bare.sha256
    ticket = replace(place.answer(), certificate_pem=pem, certificate_sha256=sha256)
    with pytest.raises(HostNotTrusted, match="states no name"), cim_connection(ticket, HOST, place.clock):
        pytest.fail("the connection was opened")


def test_without_pywbem_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['pywbem'] = None; import broker.client.api, broker.client.cim"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "pip install 'cim-ticket-broker[lab]'" in told.stderr


def test_plain_http_is_never_spoken(place: Place) -> None:
    ticket = replace(place.answer(), url=f"http://127.0.0.1:{place.port}")
    with (
        pytest.raises(CimFailed),
        cim_connection(ticket, HOST, place.clock) as connection,
    ):
        sensors(connection)


def test_what_fails_holds_no_ticket(tmp_path: Path) -> None:
    certificate = self_signed(HOST)

    def nonsense(_: Seen) -> Reply:
        return Reply(200, b"<no>cim", {"Content-Type": "application/xml"})

    clock = HandClock()
    with https_server(tmp_path, certificate, nonsense) as server:
        ticket = answer_for(certificate, server.port, "canary-session", clock)
        with pytest.raises(CimFailed) as failed, cim_connection(ticket, HOST, clock) as connection:
            sensors(connection)
    assert "canary" not in str(failed.value)
    assert failed.value.__cause__ is None
