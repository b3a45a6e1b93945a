"""CIM-XML to one host with one ticket, the host's own certificate pinned."""

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.client.anchor import AnchoredAdapter, anchored_context
from broker.client.answers import TicketAnswer
from broker.client.errors import CimFailed, HostNotTrusted, TicketUnusable
from broker.client.names import name_to_verify
from broker.client.sensors import Sensor, sensors
from broker.clock import SystemClock
from broker.model.names import parse_host_name
from broker.ports.clock import Clock

try:
    import pywbem
except ModuleNotFoundError as missing:
    advice = "CIM-XML needs pywbem: pip install 'cim-ticket-broker[lab]'"
    raise ModuleNotFoundError(advice, name=missing.name) from missing

__all__ = ["NAMESPACE", "Sensor", "cim_connection", "sensors"]

NAMESPACE = "root/cimv2"
_TIMEOUT_S = 30


@contextmanager
def cim_connection(
    ticket: TicketAnswer, host: str, clock: Clock | None = None
) -> Iterator[pywbem.WBEMConnection]:
    """A connection to `host`, on which the ticket is user name and password.

    Before the ticket is sent, the TLS peer has shown exactly the certificate that came with it.
    Nothing of the environment (REQUESTS_CA_BUNDLE, proxies, netrc) takes part, and no request is
    repeated. Raises TicketUnusable, HostNotTrusted, CimFailed; errors of pywbem inside the
    block come out as the last two.
    """
    _check_usable(ticket, host, clock or SystemClock())
    adapter = _adapter(ticket)
    ticket_text = ticket.session_id.reveal()
    connection = pywbem.WBEMConnection(
        ticket.url, (ticket_text, ticket_text), default_namespace=NAMESPACE, timeout=_TIMEOUT_S
    )
    connection.session.trust_env = False
    connection.session.adapters.clear()
    connection.session.mount("https://", adapter)
    try:
        yield connection
    except pywbem.Error as error:
        # from None: pywbem's errors keep the request, and that holds the ticket
        raise _failure(error, ticket.host) from None
    finally:
        connection.close()


def _check_usable(ticket: TicketAnswer, host: str, clock: Clock) -> None:
    if parse_host_name(host) not in (ticket.host, ticket.address):
        raise TicketUnusable(f"the ticket is for {ticket.host}, not for {host}")
    if clock.now() >= ticket.usable_until:
        raise TicketUnusable(f"the ticket for {ticket.host} is over; ask for a new one")


def _adapter(ticket: TicketAnswer) -> AnchoredAdapter:
    try:
        certificate = x509.load_pem_x509_certificate(ticket.certificate_pem.encode())
        context = anchored_context(cadata=certificate.public_bytes(Encoding.PEM).decode())
    except (ValueError, ssl.SSLError):
        raise HostNotTrusted(f"the certificate that came for {ticket.host} cannot be read") from None
    if hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest() != ticket.certificate_sha256:
        raise HostNotTrusted(f"the certificate that came for {ticket.host} is not the one that it names")
    name = name_to_verify(certificate, ticket.address)
    if name is None:
        raise HostNotTrusted(f"the certificate of {ticket.host} states no name to verify")
    return _HostAdapter(ticket.host, context, name, ticket.certificate_sha256)


class _HostAdapter(AnchoredAdapter):
    """Tells a peer that is not the host apart, before pywbem makes a text of it."""

    def __init__(self, host: str, context: ssl.SSLContext, server_name: str, leaf_sha256: str) -> None:
        self._host = host
        super().__init__(context, server_name, leaf_sha256)

    def send(self, request: requests.PreparedRequest, *rest: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own signature
        """Raises HostNotTrusted in place of what requests raises."""
        try:
            return super().send(request, *rest, **options)
        except requests.exceptions.SSLError:
            # from None: the chain holds the request, and that holds the ticket
            raise HostNotTrusted(f"what answers for {self._host} does not show its certificate") from None


def _failure(error: pywbem.Error, host: str) -> CimFailed:
    if isinstance(error, pywbem.AuthError):
        return CimFailed(f"{host} refused the ticket: it is over, or the host's wbem does not take passwords")
    return CimFailed(f"{host} did not answer as CIM-XML should ({type(error).__name__})")
