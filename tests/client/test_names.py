import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.client.names import name_to_verify


def certificate(*stated: str, common: str | None = None) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    name = x509.Name(attributes)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(hours=1))
    names: list[x509.GeneralName] = []
    for text in stated:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(text)))
        except ValueError:
            names.append(x509.DNSName(text))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not attributes)
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize(
    ("stated", "common", "address", "verified"),
    [
        (("esx01.example.com", "esx01"), None, "esx01", "esx01"),
        (("esx01.example.com",), None, "ESX01.example.com", "ESX01.example.com"),
        (("esx01.example.com", "10.0.0.1"), None, "10.0.0.1", "10.0.0.1"),
        (("esx01.example.com",), None, "10.0.0.1", "esx01.example.com"),
        (("*.example.com", "esx01.example.com"), None, "10.0.0.1", "esx01.example.com"),
        (("*.example.com",), "esx01.example.com", "10.0.0.1", None),
        (("10.0.0.2",), None, "10.0.0.1", "10.0.0.2"),
        ((), "localhost.localdomain", "10.0.0.1", "localhost.localdomain"),
        ((), None, "10.0.0.1", None),
    ],
)
def test_a_certificate_is_verified_under_a_name_that_it_states(
    stated: tuple[str, ...], common: str | None, address: str, verified: str | None
) -> None:
    assert name_to_verify(certificate(*stated, common=common), address) == verified
