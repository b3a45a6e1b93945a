"""All CIM endpoints of the lab on one event loop in one thread: hundreds of idle connections cost nothing."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar, cast

from broker.lab.cim.endpoint import CimEndpoint
from broker.lab.cim.http import LARGEST_HEAD, BadRequest, HttpReply, read_request
from broker.lab.cim.repository import READ_METHODS
from broker.lab.latency import Latencies

_log = logging.getLogger(__name__)

_HANDSHAKE_S = 5.0
_IDLE_S = 30.0
_STOP_S = 5.0

_Result = TypeVar("_Result")


class CimService:
    """Listens for hosts. `start` before `listen`, `stop` at the end; each from any thread.

    A reply is made when its request has come, and leaves when the latency of its operation is over.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-cim", daemon=True)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()
        self.latencies = Latencies(READ_METHODS.__contains__)

    def start(self) -> None:
        """Run the loop."""
        self._thread.start()

    def listen(self, endpoint: CimEndpoint, certificate_and_key: Path) -> int:
        """Serve a host on its own address; gives the port, which the system chose."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate_and_key)
        self._contexts[endpoint.host.moid] = context
        return self._run(self._listen(endpoint, context))

    def change_certificate(self, moid: str, certificate_and_key: Path) -> None:
        """New connections to the host are shown this one. A host that does not listen is passed over."""
        context = self._contexts.get(moid)
        if context is not None:
            context.load_cert_chain(certificate_and_key)

    def stop(self) -> None:
        """Close all listeners and connections."""
        if self._thread.is_alive():
            self._run(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_S)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_STOP_S)

    async def _listen(self, endpoint: CimEndpoint, context: ssl.SSLContext) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connected(endpoint, reader, writer)

        server = await asyncio.start_server(
            connected,
            endpoint.host.address,
            0,
            ssl=context,
            limit=LARGEST_HEAD,
            ssl_handshake_timeout=_HANDSHAKE_S,
            ssl_shutdown_timeout=1.0,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _connected(
        self, endpoint: CimEndpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._open.add(task)
        try:
            while endpoint.is_up and await self._exchange(endpoint, reader, writer):
                pass
            writer.close()
            await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.CancelledError):
            # Cancelled only by `stop`: the task ends here, and asyncio has nothing to report.
            _log.debug("a CIM connection ended early")
        finally:
            writer.transport.abort()
            self._open.discard(task)

    async def _exchange(
        self, endpoint: CimEndpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its reply; whether there may be another."""
        try:
            async with asyncio.timeout(_IDLE_S):
                request = await read_request(reader, writer)
        except BadRequest as error:
            writer.write(HttpReply(error.status, headers={"Connection": "close"}).to_bytes())
            return False
        if request is None or not endpoint.is_up:
            return False
        reply = endpoint.reply(request)
        await asyncio.sleep(self.latencies.of(reply.operation))
        writer.write(reply.to_bytes())
        await writer.drain()
        return request.keeps_alive

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(list(self._open), timeout=_STOP_S / 2)
