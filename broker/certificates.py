"""The host's certificate: one answer out of the three places where vCenter tells it."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.errors import InvalidName, Reason, Refused
from broker.model.inventory import Host, HostFacts
from broker.model.issuance import Endpoint, VcenterTicket
from broker.model.names import parse_host_name

CIM_XML_PORT = 5989
"""The well-known port, meant where HostServiceTicket.port is unset."""

_PORTS = range(1, 65536)


def agreed_endpoint(ticket: VcenterTicket, facts: HostFacts, host: Host) -> Endpoint:
    """Where to take the ticket, with the certificate to pin.

    The ticket's PEM, its thumbprint and HostSystem.config.certificate must agree as far as each
    is there; without any PEM there is nothing to pin. Raises Refused(CERTIFICATE_MISMATCH),
    Refused(VCENTER_FAULT) for a port that is none. The thumbprint's algorithm is not stated for
    HostServiceTicket, so either may be meant.
    """
    told = [pem for pem in (ticket.certificate_pem, facts.certificate_pem) if pem]
    if not told:
        raise Refused(Reason.CERTIFICATE_MISMATCH, "neither the ticket nor the host shows a certificate")
    certificates = [_certificate(pem) for pem in told]
    if len({each.sha256 for each in certificates}) > 1:
        raise Refused(Reason.CERTIFICATE_MISMATCH, "the ticket's certificate is not the host's")
    certificate = certificates[0]
    if ticket.thumbprint is not None:
        _check_thumbprint(ticket.thumbprint, certificate)
    return Endpoint(
        address=_address(ticket, host),
        port=_port(ticket),
        certificate_pem=certificate.pem,
        certificate_sha256=certificate.sha256,
    )


@dataclass(frozen=True, slots=True)
class _Certificate:
    """A certificate in PEM as we write it, and the digests of its DER form in lower-case hex."""

    pem: str
    sha1: str
    sha256: str


@lru_cache(maxsize=8192)
def _certificate(pem: str) -> _Certificate:
    """A host's certificate comes with each of its tickets, and stays the same for years."""
    try:
        read = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise Refused(Reason.CERTIFICATE_MISMATCH, "a certificate that vCenter told cannot be read") from None
    der = read.public_bytes(Encoding.DER)
    return _Certificate(
        pem=read.public_bytes(Encoding.PEM).decode(),
        sha1=hashlib.sha1(der).hexdigest(),  # noqa: S324 - vCenter's thumbprints may be of this length
        sha256=hashlib.sha256(der).hexdigest(),
    )


def thumbprint_fits(thumbprint: str, pem: str) -> bool:
    """Whether it is the SHA-1 or SHA-256 digest of this certificate. Raises Refused where that is none."""
    return _fits(thumbprint, _certificate(pem))


def _fits(thumbprint: str, certificate: _Certificate) -> bool:
    digits = re.sub(r"[:\s]", "", thumbprint).lower()
    return digits in (certificate.sha1, certificate.sha256)


def _check_thumbprint(thumbprint: str, certificate: _Certificate) -> None:
    if not _fits(thumbprint, certificate):
        raise Refused(Reason.CERTIFICATE_MISMATCH, "the ticket's thumbprint is of another certificate")


def _port(ticket: VcenterTicket) -> int:
    if ticket.port is None:
        return CIM_XML_PORT
    if ticket.port not in _PORTS:
        raise Refused(Reason.VCENTER_FAULT, f"the ticket's port is {ticket.port}")
    return ticket.port


def _address(ticket: VcenterTicket, host: Host) -> str:
    """The ticket's host if it is one of the host's own names: unset or foreign means the host's name.

    The API text lets "unset" mean the server that issued the ticket, which is vCenter and has no CIM.
    """
    try:
        told = parse_host_name(ticket.host or "")
    except InvalidName:
        return host.name
    return told if told in (host.name, *host.addresses) else host.name


@dataclass(frozen=True, slots=True)
class Reading:
    """What a certificate says of itself: when it is good, and the names and addresses it is for."""

    not_before: datetime
    not_after: datetime
    names: frozenset[str]


def read_certificate(pem: str) -> Reading | None:
    """The first certificate of the text; None where there is none that can be read."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        names = frozenset(_names(certificate))
    except ValueError:
        return None
    return Reading(certificate.not_valid_before_utc, certificate.not_valid_after_utc, names)


def _names(certificate: x509.Certificate) -> Iterator[str]:
    """Subject alternative names, DNS names lowered. A common name is no name any more (RFC 9110)."""
    try:
        told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from (name.lower() for name in told.get_values_for_type(x509.DNSName))
    yield from (str(address) for address in told.get_values_for_type(x509.IPAddress))
