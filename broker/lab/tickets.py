"""CIM service tickets: minted by the vCenter, honoured by the one host they are for."""

import hmac
import secrets
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

TICKET_LIFE_S = 120.0
"""HostSystem.AcquireCimServicesTicket: "valid for two minutes and cannot be renewed"."""


class Monotonic(Protocol):
    """The lab's clock, as far as tickets need it."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        ...


@dataclass(frozen=True, slots=True)
class Minted:
    """One ticket at the moment at which it is made; printing it shows no ticket."""

    host_moid: str
    operation_id: str | None
    text: str = field(repr=False)


class CimTickets:
    """All live tickets, in memory. Thread-safe.

    A ticket may be used any number of times within its life: whether a real one may is not
    documented, and clients send it with every request.
    """

    def __init__(self, clock: Monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._live: defaultdict[str, deque[tuple[float, bytes]]] = defaultdict(deque)
        self._minted: Counter[str] = Counter()
        self._on_mint: list[Callable[[Minted], None]] = []

    def when_minted(self, tell: Callable[[Minted], None]) -> None:
        """`tell` is called with each ticket before anybody has it."""
        self._on_mint.append(tell)

    def issue(self, host_moid: str, operation_id: str | None = None) -> str:
        """A new ticket for the host, live for 120 s of lab time, asked for under this operation id."""
        text = secrets.token_urlsafe(30)
        with self._lock:
            self._live[host_moid].append((self._clock.monotonic() + TICKET_LIFE_S, text.encode()))
            self._minted[host_moid] += 1
        for tell in self._on_mint:
            tell(Minted(host_moid, operation_id, text))
        return text

    def is_live(self, host_moid: str, text: str) -> bool:
        """Whether `text` is a ticket of this very host and not yet over; the time it takes tells nothing."""
        offered = text.encode(errors="surrogateescape")
        found = False
        for known in self._live_of(host_moid):
            found |= hmac.compare_digest(known, offered)
        return found

    def minted(self, host_moid: str | None = None) -> int:
        """How many tickets were minted so far, for one host or for all."""
        with self._lock:
            return self._minted.total() if host_moid is None else self._minted[host_moid]

    def _live_of(self, host_moid: str) -> list[bytes]:
        now = self._clock.monotonic()
        with self._lock:
            tickets = self._live.get(host_moid)
            if tickets is None:
                return []
            while tickets and tickets[0][0] <= now:
                tickets.popleft()
            return [text for _, text in tickets]
