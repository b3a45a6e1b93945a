"""The vCenter's port, which can be closed and opened again while the vCenter lives on."""

import ssl
import threading
from pathlib import Path

from broker.lab.errors import LabError
from broker.lab.soap.server import SoapServer
from broker.lab.vcenter.vcenter import VCenter


class VCenterListener:
    """Starts on a free port of 127.0.0.1 and keeps to it. Thread-safe."""

    def __init__(self, vcenter: VCenter, certificate_and_key: Path) -> None:
        self._vcenter = vcenter
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_cert_chain(certificate_and_key)
        self._lock = threading.Lock()
        self._server: SoapServer | None = None
        self.port = 0

    def start(self) -> None:
        """Take connections. Raises LabError when it does already, or when the port was taken meanwhile."""
        with self._lock:
            if self._server is not None:
                raise LabError("the vCenter is running")
            address = ("127.0.0.1", self.port)
            try:
                server = SoapServer(self._vcenter.dispatcher, self._tls, self._vcenter.documents, address)
            except OSError as error:
                raise LabError(f"the vCenter cannot listen: {error.strerror}") from None
            server.start()
            self._server, self.port = server, server.port

    def show(self, certificate_and_key: Path) -> None:
        """Show this certificate to whoever connects from now on."""
        self._tls.load_cert_chain(certificate_and_key)

    def stop(self) -> None:
        """Close the port and every connection; sessions live on. Does nothing when stopped."""
        with self._lock:
            server, self._server = self._server, None
            if server is not None:
                server.stop()
