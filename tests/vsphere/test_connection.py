"""The way to vCenter: verified, bounded in time, told apart by whether the request left."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from broker.errors import Reason, Refused
from broker.vsphere.connection import Link
from broker.vsphere.tls import DeadlineSocket, endpoint_context
from tests.support.authority import Authority
from tests.support.clock import HandClock
from tests.support.scripted_vcenter import ScriptedVcenter
from tests.support.vcenter_entries import vcenter_entry
from tests.vsphere.conftest import OpenSession


def nothing(_link: Link) -> None:
    """Work that asks vCenter nothing more."""


def test_a_certificate_of_another_authority_is_refused_before_anything_is_sent(
    scripted: ScriptedVcenter, open_session: OpenSession, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    stranger = Authority(folder, "Stranger")
    with pytest.raises(Refused) as refusal:
        open_session(vcenter_entry(scripted.host, scripted.port, stranger.anchor)).run(nothing)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert scripted.calls == []


def test_a_certificate_for_another_name_is_refused(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    scripted.present(scripted.authority.server("elsewhere", (x509.DNSName("elsewhere.example.com"),)))
    with pytest.raises(Refused) as refusal:
        open_session().run(nothing)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert "mismatch" in refusal.value.detail
    assert scripted.calls == []


def test_the_pinned_certificate_is_its_own_anchor(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    files = scripted.authority.server("pinned")
    scripted.present(files)
    open_session(vcenter_entry(scripted.host, scripted.port, files.certificate)).run(nothing)
    assert "Login" in scripted.calls


def test_a_changed_certificate_of_the_same_authority_does_not_pass_a_pin(
    scripted: ScriptedVcenter, open_session: OpenSession
) -> None:
    clock = HandClock()
    files = scripted.authority.server("pinned")
    scripted.present(files)
    session = open_session(vcenter_entry(scripted.host, scripted.port, files.certificate), clock=clock)
    session.run(nothing)
    scripted.present(scripted.authority.server("replaced"))
    scripted.hang_up()
    with pytest.raises(Refused) as refusal:
        session.run(lambda link: link.content.sessionManager.Logout())
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert not session.logged_in


def test_a_new_anchor_on_disk_is_used_without_a_restart(
    scripted: ScriptedVcenter, open_session: OpenSession, tmp_path: Path
) -> None:
    clock, anchor = HandClock(), tmp_path / "vcenter-anchor.pem"
    anchor.write_bytes(scripted.anchor.read_bytes())
    session = open_session(vcenter_entry(scripted.host, scripted.port, anchor), clock=clock)
    session.run(nothing)
    folder = tmp_path / "renewed"
    folder.mkdir()
    renewed = Authority(folder, "Renewed")
    scripted.present(renewed.server("vcenter"))
    scripted.hang_up()
    with pytest.raises(Refused):
        session.run(lambda link: link.content.sessionManager.Logout())
    anchor.write_bytes(renewed.anchor.read_bytes())
    clock.advance(5)
    session.run(lambda link: link.content.sessionManager.Logout())


def test_an_anchor_that_is_no_certificate_is_a_refusal(
    scripted: ScriptedVcenter, open_session: OpenSession, tmp_path: Path
) -> None:
    anchor = tmp_path / "empty.pem"
    anchor.write_text("nothing here")
    with pytest.raises(Refused) as refusal:
        open_session(vcenter_entry(scripted.host, scripted.port, anchor)).run(nothing)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert "empty.pem" in refusal.value.detail


def test_old_tls_is_not_spoken(scripted: ScriptedVcenter) -> None:
    context = endpoint_context(scripted.anchor)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_each_log_in_has_a_context_of_its_own(scripted: ScriptedVcenter) -> None:
    assert endpoint_context(scripted.anchor) is not endpoint_context(scripted.anchor)


def test_nobody_listening_is_unavailable(open_session: OpenSession, scripted: ScriptedVcenter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(Refused) as refusal:
        open_session(vcenter_entry("localhost", port, scripted.anchor)).run(nothing)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert "ConnectionRefusedError" in refusal.value.detail


def test_a_server_that_accepts_and_says_nothing_costs_the_connect_timeout(
    open_session: OpenSession, scripted: ScriptedVcenter
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Refused) as refusal:
            open_session(vcenter_entry("127.0.0.1", port, scripted.anchor, connect_s=0.3)).run(nothing)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE
    assert "TimeoutError" in refusal.value.detail


def test_the_host_may_be_an_ipv6_address(open_session: OpenSession, scripted: ScriptedVcenter) -> None:
    """The name goes to TLS and the port to the socket: the refusal shows that both were understood."""
    files = scripted.authority.server("six", (x509.IPAddress(ipaddress.ip_address("::1")),))
    with pytest.raises(Refused) as refusal:
        open_session(vcenter_entry("::1", scripted.port, files.certificate, connect_s=0.5)).run(nothing)
    assert refusal.value.reason is Reason.VCENTER_UNAVAILABLE


DRIPS = 400


def read_all(channel: ssl.SSLSocket) -> None:
    while channel.recv_into(bytearray(1)):
        pass


@pytest.fixture
def dripping(scripted: ScriptedVcenter) -> Callable[[], tuple[ssl.SSLSocket, threading.Event]]:
    """A TLS pair whose other end sends a byte every now and then, and ends long after any deadline here."""

    def dripping() -> tuple[ssl.SSLSocket, threading.Event]:
        here, there = socket.socketpair()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        files = scripted.authority.server("drip")
        server.load_cert_chain(files.certificate, files.key)
        done = threading.Event()

        def drip() -> None:
            with server.wrap_socket(there, server_side=True) as channel:
                for _ in range(DRIPS):
                    if done.wait(0.05):
                        return
                    channel.send(b"x")

        threading.Thread(target=drip, daemon=True).start()
        client = endpoint_context(scripted.anchor).wrap_socket(here, server_hostname="localhost")
        return client, done

    return dripping


def test_a_server_that_drips_bytes_does_not_hold_a_thread_past_the_deadline(
    dripping: Callable[[], tuple[ssl.SSLSocket, threading.Event]],
) -> None:
    channel, done = dripping()
    assert isinstance(channel, DeadlineSocket)
    assert channel.fresh
    channel.end_within(0.3, 1000)
    with channel, pytest.raises(TimeoutError):
        read_all(channel)
    done.set()
