"""A listener's TLS context: one, kept until its files change."""

import logging
import ssl
import stat
import threading
from pathlib import Path

from broker.errors import SecretUnavailable

_log = logging.getLogger(__name__)


class ServerContext:
    """Gives the context for a new connection. A renewed certificate is taken up by itself.

    The key file is readable by its owner only. With `client_ca`, nobody gets in without a certificate of
    that CA. The first load raises SecretUnavailable, which names the files; later files that cannot
    be loaded leave the context that works in place.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        socket_class: type[ssl.SSLSocket] = ssl.SSLSocket,
        client_ca: Path | None = None,
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._client_ca = client_ca
        self._socket_class = socket_class
        self._lock = threading.Lock()
        try:
            self._stamp = self._stamped()
            self._context = self._load()
        except ssl.SSLError as error:  # an OSError too, whose errno is not the system's
            raise SecretUnavailable(
                f"TLS certificate {certificate} and key {key} cannot be loaded: {error.reason}"
            ) from None
        except OSError as error:
            raise SecretUnavailable(f"TLS file {error.filename or key}: {error.strerror}") from None

    def current(self) -> ssl.SSLContext:
        """The context of the files as they are now."""
        with self._lock:
            try:
                stamp = self._stamped()
                if stamp != self._stamp:
                    self._stamp = stamp  # first, so that files that are no good are said to be so once
                    self._context = self._load()
            except (OSError, SecretUnavailable) as error:
                _log.error(
                    "the renewed certificate cannot be loaded (%s): keeping the old one", type(error).__name__
                )
            return self._context

    def _load(self) -> ssl.SSLContext:
        if self._key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretUnavailable(f"TLS key {self._key} must have mode 0600; run: chmod 600 {self._key}")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self._client_ca)
        if self._client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self._certificate, self._key)
        context.sslsocket_class = self._socket_class
        return context

    def _stamped(self) -> tuple[tuple[int, ...], ...]:
        files = (self._certificate, self._key, self._client_ca)
        found = [path.stat() for path in files if path is not None]
        return tuple((file.st_ino, file.st_mtime_ns, file.st_size, file.st_mode) for file in found)
