"""TLS for `requests` with one trust anchor, and nothing that the environment could put in its place.

`requests` takes REQUESTS_CA_BUNDLE over the CA file that it was given, and adds its own bundle
where it was given none (2.33, `HTTPAdapter.cert_verify`). This adapter hands urllib3 a context
of its own and lets neither happen; verification and the host name check stay on, whatever the
session's `verify` says.
"""

import hashlib
import hmac
import ssl
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import SSLError


def anchored_context(*, cafile: str | None = None, cadata: str | None = None) -> ssl.SSLContext:
    """A verifying context that trusts the given certificates only; a leaf may be its own anchor."""
    context = ssl.create_default_context(cafile=cafile, cadata=cadata)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class AnchoredAdapter(HTTPAdapter):
    """Sends over TLS verified by `context` alone, and never a second time by itself.

    `server_name` is the name to verify (and to say in SNI) where it is not the URL's host.
    `leaf_sha256` also demands that very certificate, compared before a byte of HTTP is sent: a
    leaf that is an anchor would otherwise vouch for certificates that it signed itself.
    """

    def __init__(
        self, context: ssl.SSLContext, server_name: str | None = None, leaf_sha256: str | None = None
    ) -> None:
        self._tls: dict[str, Any] = {"ssl_context": context, "cert_reqs": "CERT_REQUIRED"}
        if server_name is not None:
            self._tls["server_hostname"] = server_name
        super().__init__(max_retries=0)
        if leaf_sha256 is not None:
            self.poolmanager.pool_classes_by_scheme = {"https": _pinned_pool(leaf_sha256)}

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: object,  # noqa: ARG002 - what this adapter exists to leave out
        cert: object = None,  # noqa: ARG002 - likewise
    ) -> tuple[Any, Any]:
        """Replace what `requests` makes of `verify` and `cert` by our context."""
        host, _ = super().build_connection_pool_key_attributes(request, True, None)  # noqa: FBT003 - requests' signature
        return host, dict(self._tls)

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Add nothing to the context."""

    def close(self) -> None:
        """Close the idle connections too: urllib3 waits until nothing knows of them, as a kept error does."""
        pools = self.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118 - it can be iterated over by its keys alone
            if (pool := pools.get(key)) is not None:
                pool.close()
        super().close()


def _pinned_pool(leaf_sha256: str) -> type[HTTPSConnectionPool]:
    """The class of pools whose connections end before the first request if the leaf is another."""

    class PinnedConnection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            leaf = self.sock.getpeercert(binary_form=True) if isinstance(self.sock, ssl.SSLSocket) else b""
            if not leaf or not hmac.compare_digest(hashlib.sha256(leaf).hexdigest(), leaf_sha256):
                self.close()
                raise SSLError("the peer shows another certificate than the pinned one")

    class PinnedPool(HTTPSConnectionPool):
        ConnectionCls = PinnedConnection

    return PinnedPool
