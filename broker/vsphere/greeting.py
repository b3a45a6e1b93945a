"""TLS with a vCenter, looked at by itself: nothing is sent, and nothing that does not verify is trusted."""

import socket
import ssl
from datetime import UTC, datetime

from broker.errors import Refused
from broker.model.policy import Vcenter
from broker.ports.inspection import Greeting, Handshake
from broker.vsphere.tls import endpoint_context

_OUTSIDE_VALIDITY = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED, of any certificate of the chain."""

_OTHER_NAME = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class TlsGreeter:
    """ports.inspection.Greeter."""

    def greet(self, vcenter: Vcenter) -> Greeting:
        """One verified handshake. Raises nothing."""
        try:
            context = endpoint_context(vcenter.ca_file)
            address = (vcenter.host, vcenter.port)
            with (
                socket.create_connection(address, vcenter.connect_timeout_s) as plain,
                context.wrap_socket(plain, server_hostname=vcenter.host) as channel,
            ):
                return Greeting(Handshake.VERIFIED, "", _not_after(channel))
        except Refused as refusal:
            return Greeting(Handshake.UNTRUSTED, refusal.detail, None)
        except ssl.SSLCertVerificationError as error:
            return Greeting(_kind(error.verify_code), str(error.verify_message), None)
        except OSError as error:
            return Greeting(Handshake.UNREACHABLE, f"no connection: {type(error).__name__}", None)


def _kind(code: int) -> Handshake:
    if code in _OUTSIDE_VALIDITY:
        return Handshake.OUTSIDE_VALIDITY
    return Handshake.OTHER_NAME if code in _OTHER_NAME else Handshake.UNTRUSTED


def _not_after(channel: ssl.SSLSocket) -> datetime | None:
    told = (channel.getpeercert() or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC) if isinstance(told, str) else None
