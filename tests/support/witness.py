"""Who stands outside of the broker and remembers: each ticket that vCenter made, each byte that came back."""

import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

from broker.client.receipts import read_receipt
from broker.clock import SystemClock
from broker.lab.tickets import Minted
from broker.model.receipt import Receipt
from broker.store.database import Database
from broker.store.log import StoredLog
from tests.support.log_keys import LOG_KEYS
from tests.support.stack import HOST, Stack, until

_TICKET = re.compile(rb'"session_id":\s*"([^"]+)"')
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
PATIENCE_S = 30.0
UNAUTHORIZED = 401
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one request for a ticket, as far as it came."""

    log_size: int
    """How many records stood in the log when the first byte came."""
    raw: bytes = field(repr=False)

    @property
    def status(self) -> int:
        """0 where no answer began."""
        found = _STATUS.match(self.raw)
        return int(found[1]) if found else 0

    @property
    def ticket(self) -> str | None:
        """Its text, wherever the answer was cut after it."""
        found = _TICKET.search(self.raw)
        return found[1].decode() if found else None

    @property
    def body(self) -> dict[str, Any]:
        """Empty where the answer was cut."""
        with suppress(ValueError):
            return dict(json.loads(self.raw.partition(b"\r\n\r\n")[2]))
        return {}

    @property
    def receipt(self) -> Receipt | None:
        """That of a ticket whose answer, or line of a batch, came whole. Raises ReceiptRefused for none."""
        with suppress(ValueError):
            whole = json.loads(self.raw.partition(b"\r\n\r\n")[2] or self.raw)
            ticket = whole.get("ticket", whole)
            if "session_id" in ticket:
                return read_receipt(ticket.get("receipt"))
        return None

    @property
    def code(self) -> str:
        """Of a refusal."""
        return str(self.body.get("code", ""))


class Witness:
    """Asks one stack for tickets; safe in any number of threads. Use it in a `with`."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.minted: list[Minted] = []
        self.heard: list[Heard] = []
        self.tokens: list[str] = []
        self._bearer = ""
        self._credential = stack.credential()
        self._then: Callable[[], object] | None = None
        self.database = Database.open_existing(stack.store, SystemClock(), LOG_KEYS)
        self._log = StoredLog(self.database)
        self._context = ssl.create_default_context(cafile=str(stack.site.broker_ca))
        stack.lab.when_minted(self._note)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def log_size(self) -> int:
        return self._log.size()

    def ask(
        self, host: str = HOST, key: str | None = None, once_connected: Callable[[], object] = lambda: None
    ) -> Heard:
        """Ask for one ticket, once, with a token that was good the last time; all that comes back."""
        heard = Heard(-1, b"")
        with suppress(OSError, KeyError, ValueError):  # no broker, or none that gives tokens
            self._bearer = self._bearer or self._new_token()
            heard = self._exchange(_ticket_request(host, key, self._bearer), once_connected)
        if heard.status == UNAUTHORIZED:
            self._bearer = ""
        self.heard.append(heard)
        return heard

    def ask_batch(self, hosts: Sequence[str]) -> list[Heard]:
        """Ask for a ticket of each, at once; each line that came, whole."""
        self._bearer = self._bearer or self._new_token()
        body = json.dumps({"hosts": list(hosts), "concurrency": len(hosts)})
        bearer = f"Authorization: Bearer {self._bearer}"
        lines: list[Heard] = []
        rest = b""
        with suppress(OSError), self._connected() as channel:
            channel.sendall(_request("/v1/tickets:batch", "application/json", body, bearer))
            while more := channel.recv(65536):
                *whole, rest = (rest + more).split(b"\n")
                lines += [Heard(self._log.size(), line) for line in whole if line.startswith(b"{")]
        self.heard += lines
        return lines

    def leave_at_the_mint(self) -> None:
        """Ask for a ticket, and be gone once it is made, before anybody has it."""
        self._bearer = self._bearer or self._new_token()
        gone = threading.Event()
        with self._connected() as channel:

            def leave() -> None:
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                channel.close()
                gone.set()

            self.at_next_mint(leave)
            channel.sendall(_ticket_request(HOST, None, self._bearer))
            assert gone.wait(PATIENCE_S)

    def hears(self, more: int) -> None:
        """Wait until so many more answers came to those who ask."""
        enough = len(self.heard) + more
        until(lambda: len(self.heard) >= enough, "answers")

    def gets_a_ticket(self) -> bool:
        """Whether one is delivered now."""
        return self.ask().ticket is not None

    def delivered(self) -> list[str]:
        """The text of every ticket that came back."""
        return [heard.ticket for heard in self.heard if heard.ticket is not None]

    def at_next_mint(self, action: Callable[[], object]) -> None:
        """Do this when the next ticket is made, before anybody has it."""
        self._then = action

    def _note(self, ticket: Minted) -> None:
        self.minted.append(ticket)
        action, self._then = self._then, None
        if action is not None:
            action()

    def _new_token(self) -> str:
        site = self.stack.site
        proven = self._credential.prove(site.url, SystemClock())
        form = {**proven.form, "grant_type": "client_credentials", "scope": "tickets"}
        heard = self._exchange(_request("/oauth2/token", _FORM, urlencode(form)))
        self.tokens.append(str(heard.body["access_token"]))
        return self.tokens[-1]

    def _exchange(self, request: bytes, once_connected: Callable[[], object] = lambda: None) -> Heard:
        raw, log_size = b"", -1
        with suppress(OSError), self._connected() as channel:
            once_connected()
            channel.sendall(request)
            raw = channel.recv(1)
            log_size = self._log.size()
            while more := channel.recv(65536):
                raw += more
        return Heard(log_size, raw)

    @contextmanager
    def _connected(self) -> Iterator[ssl.SSLSocket]:
        # Wrapped first: ssl loses the socket of a peer that goes meanwhile, and nobody could close it.
        with self._context.wrap_socket(socket.socket(), server_hostname="localhost") as channel:
            channel.settimeout(PATIENCE_S)
            channel.connect(("localhost", self.stack.site.port))
            yield channel

    @contextmanager
    def asking(self, threads: int, host: str = HOST) -> Iterator[None]:
        """While this lasts, so many clients ask again and again, whatever they are answered."""
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                if not self.ask(host).raw:
                    over.wait(0.05)

        askers = [threading.Thread(target=ask) for _ in range(threads)]
        for each in askers:
            each.start()
        try:
            yield
        finally:
            over.set()
            for each in askers:
                each.join()


def _ticket_request(host: str, key: str | None, token: str) -> bytes:
    headers = [f"Authorization: Bearer {token}", *([f"Idempotency-Key: {key}"] if key else [])]
    return _request("/v1/tickets", "application/json", json.dumps({"host": host}), *headers)


def _request(path: str, media_type: str, body: str, *headers: str) -> bytes:
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()
