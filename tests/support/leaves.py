"""Certificates that are good for impostors: of the same name, signed by the pinned one, over."""

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.certificates import TestCertificate


def leaf(
    name: str,
    *,
    signs: bool = False,
    age: timedelta = timedelta(minutes=5),
    issuer: TestCertificate | None = None,
) -> TestCertificate:
    """A certificate good for an hour from `age` ago, self-signed unless there is an issuer.

    Without a name it states none at all.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    # one that is signed by another must not look self-signed, or nobody would follow its chain
    common = name if issuer is None else f"signed, for {name}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if name else [])
    start = datetime.now(UTC) - age
    signer: ec.EllipticCurvePrivateKey = key
    signer_name = subject
    if issuer is not None:
        loaded = serialization.load_pem_private_key(issuer.key_pem.encode(), password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
        signer_name = x509.load_pem_x509_certificate(issuer.pem.encode()).subject
    builder = (
        x509.CertificateBuilder(signer_name, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
    )
    if name:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    der = certificate.public_bytes(serialization.Encoding.DER)
    return TestCertificate(
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key_pem=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        sha1=hashlib.sha1(der).hexdigest(),
        sha256=hashlib.sha256(der).hexdigest(),
    )
