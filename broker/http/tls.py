"""The listener's TLS context: one, kept until its files change."""

import logging
import ssl
import threading
from pathlib import Path

_log = logging.getLogger(__name__)


class ServerContext:
    """Gives the context for a new connection. A renewed certificate is taken up by itself.

    The first load raises OSError or ssl.SSLError; later a file that cannot be loaded leaves the
    context that works in place.
    """

    def __init__(self, certificate: Path, key: Path, socket_class: type[ssl.SSLSocket]) -> None:
        self._certificate = certificate
        self._key = key
        self._socket_class = socket_class
        self._lock = threading.Lock()
        self._stamp = self._stamped()
        self._context = self._load()

    def current(self) -> ssl.SSLContext:
        """The context of the files as they are now."""
        with self._lock:
            try:
                stamp = self._stamped()
                if stamp != self._stamp:
                    self._stamp = stamp  # first, so that files that are no good are said to be so once
                    self._context = self._load()
            except (OSError, ssl.SSLError) as error:
                _log.error(
                    "the renewed certificate cannot be loaded (%s): keeping the old one", type(error).__name__
                )
            return self._context

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self._certificate, self._key)
        context.sslsocket_class = self._socket_class
        return context

    def _stamped(self) -> tuple[tuple[int, int, int], ...]:
        stats = [path.stat() for path in (self._certificate, self._key)]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)
