"""This process' metrics on a port of its own, the first free one of those that its workers share."""

import logging

from prometheus_client import CollectorRegistry

from broker.background import Beat
from broker.metrics.listener import PATH, MetricsServer
from broker.model.settings import MetricsListener
from broker.ports.clock import Clock
from broker.tls import ServerContext

LOOK_EVERY_S = 1.0
"""How often a port is looked for while the one who came before still holds it."""

_log = logging.getLogger(__name__)


class Exposition:
    """Shows a registry as soon as there is a port for it.

    Prometheus reads each worker by itself, so nothing is summed up across processes. `ports` is
    how many there are. Raises SecretUnavailable for TLS files that cannot be loaded.
    """

    def __init__(
        self, listener: MetricsListener, ports: int, registry: CollectorRegistry, clock: Clock
    ) -> None:
        self._listener = listener
        self._ports = range(listener.port, listener.port + ports)
        self._registry = registry
        self._clock = clock
        self._tls = _tls_of(listener)
        self._server: MetricsServer | None = None
        self._why = ""
        self._beat = Beat("metrics-port", LOOK_EVERY_S, self._look)

    def start(self) -> None:
        """Show the metrics, now or when a port is free."""
        self._look()
        self._beat.start()

    def close(self) -> None:
        """Show them no longer."""
        self._beat.close()
        if self._server is not None:
            self._server.close()

    def _look(self) -> None:
        if self._server is not None:
            return
        for port in self._ports:
            try:
                self._server = self._on(port)
            except OSError as error:
                why = error.strerror or type(error).__name__
            else:
                self._server.start()
                _log.info("metrics on port %d of %s, %s", port, self._listener.host, PATH)
                return
        if why != self._why:
            self._why = why
            _log.warning("metrics are not shown yet: %s from port %d on", why, self._listener.port)

    def _on(self, port: int) -> MetricsServer:
        tls = self._tls.current if self._tls is not None else None
        return MetricsServer(self._listener.host, port, tls, self._registry, self._clock)


def _tls_of(listener: MetricsListener) -> ServerContext | None:
    tls = listener.tls
    if tls is None:
        return None
    return ServerContext(tls.certificate, tls.key, client_ca=tls.client_ca)
