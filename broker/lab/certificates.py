"""Certificates of the lab, with names as vCenter's own authority (VMCA) makes them.

Keys are P-256 where a real VMCA takes RSA: a lab of thousands of hosts has to start at once.
"""

import ipaddress
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.lab.clock import LabClock
from broker.lab.files import own_directory, write_private

_BACKDATED = timedelta(days=1)
_CA_LIFE = timedelta(days=3650)
_LIFE = timedelta(days=1825)

LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and the file that holds it together with its key, mode 0600."""

    certificate: x509.Certificate
    file: Path

    @property
    def pem(self) -> str:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def der(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def sha1_thumbprint(self) -> str:
        """As vCenter writes thumbprints: upper-case pairs with colons."""
        return self.certificate.fingerprint(hashes.SHA1()).hex(":").upper()  # noqa: S303 - the API's form


class LabAuthority:
    """A CA made anew at each start of the lab. `ca_file` is what clients trust. Thread-safe.

    Raises LabError for a directory that is not this user's alone to write.
    """

    def __init__(self, directory: Path, vcenter_name: str, clock: LabClock) -> None:
        own_directory(directory)
        self._directory = directory
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _authority_name(vcenter_name)
        self._certificate = self._self_signed()
        self.ca_file = directory / "ca.pem"
        write_private(self.ca_file, self._certificate.public_bytes(Encoding.PEM))

    def issue_vcenter(self, name: str, also: tuple[str, ...] = LOOPBACK, life: timedelta = _LIFE) -> Issued:
        """The machine certificate of the vCenter, good for a `life` that began yesterday."""
        subject = _subject([(NameOID.COMMON_NAME, name), (NameOID.COUNTRY_NAME, "US")])
        return self._issue(subject, (name, *also), life, self._directory / "vcenter.pem")

    def exchange(self) -> None:
        """Be another authority from now on: `ca_file` stays what it was, `next_ca_file` is the new one."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._self_signed()
        write_private(self.next_ca_file, self._certificate.public_bytes(Encoding.PEM))

    @property
    def next_ca_file(self) -> Path:
        """What clients trust after `exchange`."""
        return self._directory / "next-ca.pem"

    def issue_host(self, name: str, address: str, life: timedelta = _LIFE) -> Issued:
        """A host's certificate, as VMCA makes it when the host is added or its certificate renewed."""
        subject = _subject(
            [
                (NameOID.COUNTRY_NAME, "US"),
                (NameOID.STATE_OR_PROVINCE_NAME, "California"),
                (NameOID.LOCALITY_NAME, "Palo Alto"),
                (NameOID.ORGANIZATION_NAME, "VMware"),
                (NameOID.ORGANIZATIONAL_UNIT_NAME, "VMware Engineering"),
                (NameOID.COMMON_NAME, name),
                (NameOID.EMAIL_ADDRESS, "vmca@vmware.com"),
            ]
        )
        return self._issue(subject, (name, address), life, self._directory / f"{name}.pem")

    def _self_signed(self) -> x509.Certificate:
        builder = self._builder(self._name, _CA_LIFE, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = _key_usage(signs_certificates=True)
        return builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    def _issue(self, subject: x509.Name, names: tuple[str, ...], life: timedelta, file: Path) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(subject, life, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(file, certificate.public_bytes(Encoding.PEM) + private)
        return Issued(certificate, file)

    def _builder(
        self, subject: x509.Name, life: timedelta, public_key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        start = self._clock.machine() - _BACKDATED
        return (
            x509.CertificateBuilder(self._name, subject, public_key, x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )


class HostCertificates:
    """The current certificate of each host, made when first asked for. Thread-safe."""

    def __init__(self, authority: LabAuthority) -> None:
        self._authority = authority
        self._issued: dict[str, Issued] = {}
        self._lock = threading.Lock()

    def of(self, name: str, address: str) -> Issued:
        """The certificate of the host with this DNS name and management address."""
        with self._lock:
            if name not in self._issued:
                self._issued[name] = self._authority.issue_host(name, address)
            return self._issued[name]

    def renew(self, name: str, address: str) -> Issued:
        """Another certificate, with another key, in place of the present one."""
        with self._lock:
            self._issued[name] = self._authority.issue_host(name, address)
            return self._issued[name]

    def replace(self, name: str, issued: Issued) -> None:
        """Let the host show this certificate: an admin's own, whatever name it is for."""
        with self._lock:
            self._issued[name] = issued


def _authority_name(vcenter_name: str) -> x509.Name:
    return _subject(
        [
            (NameOID.COMMON_NAME, "CA"),
            (NameOID.DOMAIN_COMPONENT, "vsphere"),
            (NameOID.DOMAIN_COMPONENT, "local"),
            (NameOID.COUNTRY_NAME, "US"),
            (NameOID.STATE_OR_PROVINCE_NAME, "California"),
            (NameOID.ORGANIZATION_NAME, vcenter_name),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "VMware Engineering"),
        ]
    )


def _subject(parts: list[tuple[x509.ObjectIdentifier, str]]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
