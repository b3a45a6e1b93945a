"""Certificates with the names that vCenter's authority gives."""

import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from broker.lab.certificates import HostCertificates, Issued, LabAuthority
from broker.lab.clock import LabClock


@pytest.fixture
def authority(tmp_path: Path) -> LabAuthority:
    return LabAuthority(tmp_path / "certificates", "vcenter.lab.example", LabClock())


def alternatives(issued: Issued) -> x509.SubjectAlternativeName:
    return issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_the_vcenter_is_known_by_its_name_and_on_loopback(authority: LabAuthority) -> None:
    names = alternatives(authority.issue_vcenter("vcenter.lab.example"))
    assert names.get_values_for_type(x509.DNSName) == ["vcenter.lab.example", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]


def test_a_hosts_certificate_has_its_name_and_address_and_verifies_against_the_authority(
    authority: LabAuthority,
) -> None:
    issued = authority.issue_host("esx0001.lab.example", "127.64.0.1")
    subject = issued.certificate.subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "esx0001.lab.example"
    assert subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)[0].value == "vmca@vmware.com"
    assert issued.certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "CA"
    anchor = x509.load_pem_x509_certificate(authority.ca_file.read_bytes())
    verifier = PolicyBuilder().store(Store([anchor]))
    for name in (x509.DNSName("esx0001.lab.example"), x509.IPAddress(ipaddress.ip_address("127.64.0.1"))):
        verifier.build_server_verifier(name).verify(issued.certificate, [])


def test_keys_are_for_their_owner_only(authority: LabAuthority) -> None:
    issued = authority.issue_host("esx0001.lab.example", "127.64.0.1")
    assert stat.S_IMODE(issued.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(issued.file.parent.stat().st_mode) == 0o700
    assert "PRIVATE" not in authority.ca_file.read_text()
    assert "PRIVATE" not in issued.pem


def test_a_host_keeps_its_certificate_until_it_is_renewed(authority: LabAuthority) -> None:
    certificates = HostCertificates(authority)
    first = certificates.of("esx0001.lab.example", "127.64.0.1")
    assert certificates.of("esx0001.lab.example", "127.64.0.1") is first
    second = certificates.renew("esx0001.lab.example", "127.64.0.1")
    assert certificates.of("esx0001.lab.example", "127.64.0.1") is second
    assert second.der != first.der
    assert second.sha1_thumbprint.count(":") == 19
