"""The name under which a host's certificate is verified."""

import ipaddress

from cryptography import x509
from cryptography.x509.oid import NameOID


def name_to_verify(certificate: x509.Certificate, address: str) -> str | None:
    """A name that the certificate states: `address` if it does, else the first that is no pattern.

    A host is often reached by an address, or a name, that its certificate does not state. The
    certificate itself is known beforehand, so checking it against a name that it does state
    loses nothing, and leaves the library's check switched on. Only a certificate without
    alternative names is asked for its common name. None where it states no name at all.
    """
    names, addresses = _alternative_names(certificate)
    if address.lower() in names or address in addresses:
        return address
    plain = [name for name in (*names, *addresses) if "*" not in name]
    if plain or names:
        return next(iter(plain), None)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else None


def _alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        stated = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    names = tuple(name.lower() for name in stated.get_values_for_type(x509.DNSName))
    addresses = stated.get_values_for_type(x509.IPAddress)
    return names, tuple(
        str(a) for a in addresses if isinstance(a, ipaddress.IPv4Address | ipaddress.IPv6Address)
    )
